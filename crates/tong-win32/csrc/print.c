/* print.c - the printf family of both widths, and wsprintf. */
#include "print.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tongcrt.h>
#include <winuser.h>

#include "utf.h"

/* va_list may be an array type, which a pointer to a parameter of it would not point to. */
struct argument_list {
    va_list list;
};

static _Thread_local struct {
    FILE *file;
    tong_wchar unit;
} held_back;

int tong_write_utf16(FILE *file, const tong_wchar *text, size_t length)
{
    tong_wchar *joined = NULL;
    char *bytes = NULL;
    int written = 1;

    if (held_back.file == file && length > 0) {
        joined = malloc((length + 1) * sizeof *joined);
        if (!joined)
            return 0;
        joined[0] = held_back.unit;
        memcpy(joined + 1, text, length * sizeof *joined);
        text = joined;
        length++;
        held_back.file = NULL;
    }
    if (length > 0 && tong_is_high_surrogate(text[length - 1])) {
        /* Another file's half is given up: only the latest can still find its partner. */
        held_back.file = file;
        held_back.unit = text[--length];
    }
    if (length > 0) {
        size_t count = 0;

        bytes = tong_utf16_to_utf8(text, length, &count);
        written = bytes && fwrite(bytes, 1, count, file) == count;
    }
    free(bytes);
    free(joined);
    return written;
}

static int write_narrow(FILE *file, const char *text, size_t length)
{
    return fwrite(text, 1, length, file) == length;
}

#define CH char
#define FN(name) tong_a_##name
#define OWN_IS_WIDE 0
#define WRITE write_narrow
#include "print_core.h"
#undef CH
#undef FN
#undef OWN_IS_WIDE
#undef WRITE

#define CH tong_wchar
#define FN(name) tong_w_##name
#define OWN_IS_WIDE 1
#define WRITE tong_write_utf16
#include "print_core.h"

#define WSPRINTF_SIZE 1024

int wvsprintfA(LPSTR to, LPCSTR format, va_list arguments)
{
    int length = tong_a_vsnprintf_s(to, WSPRINTF_SIZE, _TRUNCATE, format, arguments);

    return length < 0 ? (int)strlen(to) : length;
}

int wvsprintfW(LPWSTR to, LPCWSTR format, va_list arguments)
{
    int length = tong_w_vsnprintf_s(to, WSPRINTF_SIZE, _TRUNCATE, format, arguments);

    return length < 0 ? (int)tong_w_strlen(to) : length;
}

int wsprintfA(LPSTR to, LPCSTR format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = wvsprintfA(to, format, arguments);
    va_end(arguments);
    return length;
}

int wsprintfW(LPWSTR to, LPCWSTR format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = wvsprintfW(to, format, arguments);
    va_end(arguments);
    return length;
}
