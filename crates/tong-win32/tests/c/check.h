/* check.h - what the self-tests share: a failed check is printed and remembered, and decides the exit code. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int failures;

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
            failures++;                                                              \
        }                                                                            \
    } while (0)

static inline int checked(void)
{
    return failures > 0;
}

#endif
