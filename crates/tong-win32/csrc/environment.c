/* environment.c - the run-time's way to set environment variables: SetEnvironmentVariable with other words. */
#include <tongcrt.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <processenv.h>

#include "utf.h"

/* An empty value removes the variable: the run-time cannot say "defined, but empty". */
errno_t tong_a_putenv_s(const char *name, const char *value)
{
    if (!name || !value || !SetEnvironmentVariableA(name, *value ? value : NULL))
        return errno = EINVAL;
    return 0;
}

int tong_a_putenv(const char *entry)
{
    const char *value = entry && *entry ? strchr(entry + 1, '=') : NULL;
    char *name = value ? strndup(entry, (size_t)(value - entry)) : NULL;
    errno_t error = name ? tong_a_putenv_s(name, value + 1) : EINVAL;

    free(name);
    if (!error)
        return 0;
    errno = error;
    return -1;
}

errno_t tong_w_putenv_s(const tong_wchar *name, const tong_wchar *value)
{
    char *narrow_name = tong_narrow(name);
    char *narrow_value = tong_narrow(value);
    errno_t error = tong_a_putenv_s(narrow_name, narrow_value);

    free(narrow_value);
    free(narrow_name);
    return error;
}

int tong_w_putenv(const tong_wchar *entry)
{
    char *narrow = tong_narrow(entry);
    int result = tong_a_putenv(narrow);

    free(narrow);
    return result;
}
