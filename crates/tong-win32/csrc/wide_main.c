/* wide_main.c - calls a wide main function with what the narrow one was given. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>

#include <tongmain.h>

#include "utf.h"

extern char **environ;

/* Converts a list that ends in NULL; NULL without memory. The program keeps it until it exits. */
static tong_wchar **widen_list(char **list)
{
    size_t count = 0;
    tong_wchar **wide;

    while (list && list[count])
        count++;
    wide = calloc(count + 1, sizeof *wide);
    for (size_t i = 0; wide && i < count; i++) {
        wide[i] = tong_widen(list[i]);
        if (!wide[i])
            return NULL;
    }
    return wide;
}

int tong_call_wmain(int argc, char **argv, void (*wide_main)(void), int has_result)
{
    tong_wchar **arguments = widen_list(argv);
    tong_wchar **environment = widen_list(environ);

    if (!arguments || !environment)
        abort();
    /* A function that takes fewer parameters ignores the others. */
    if (has_result)
        return ((int (*)(int, tong_wchar **, tong_wchar **))wide_main)(argc, arguments, environment);
    ((void (*)(int, tong_wchar **, tong_wchar **))wide_main)(argc, arguments, environment);
    return 0;
}
