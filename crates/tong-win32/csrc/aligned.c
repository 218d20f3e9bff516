/* aligned.c - _aligned_malloc. */
#include <errno.h>
#include <stdlib.h>

#include <tongcrt.h>

void *tong_aligned_malloc(size_t size, size_t alignment)
{
    void *block = NULL;
    int error;

    /* The C library knows no alignment below that of a pointer, which is aligned enough for the smaller ones. */
    error = posix_memalign(&block, alignment < sizeof(void *) ? sizeof(void *) : alignment, size);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    return block;
}
