/* wide_stdio.c - reading and writing UTF-16 on files that hold UTF-8, and calls that take names.
 *
 * What a reader took too much of goes back into the FILE itself (as the bytes of the character, or of a low
 * surrogate that lost its other half), so nothing is kept outside of it that could go stale. The C
 * libraries of Linux take back the four bytes this needs at most.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <tongcrt.h>

#include "print.h"
#include "utf.h"

#define END (-1)

/* Reads one character. The encoding of a lone surrogate is let through, see above. */
static int read_character(FILE *file)
{
    int byte = getc_unlocked(file);
    struct tong_utf8_lead lead;

    if (byte == EOF)
        return END;
    lead = tong_utf8_lead((unsigned char)byte);
    if (byte == 0xED)
        lead.high = 0xBF;
    for (; lead.more > 0; lead.more--) {
        byte = getc_unlocked(file);
        if (byte == EOF || (unsigned)byte < lead.low || (unsigned)byte > lead.high) {
            if (byte != EOF)
                ungetc(byte, file);
            return TONG_REPLACEMENT;
        }
        lead.value = lead.value << 6 | ((unsigned)byte & 0x3F);
        lead.low = 0x80;
        lead.high = 0xBF;
    }
    return (int)lead.value;
}

static int put_back(uint32_t character, FILE *file)
{
    char bytes[4];
    size_t length = tong_utf8_encode(character, bytes);

    while (length > 0)
        if (ungetc((unsigned char)bytes[--length], file) == EOF)
            return 0;
    return 1;
}

/* Stores a character in `room` > 0 units and returns how many it took: none if it has to wait for the next
 * call, one if it is split because even an empty buffer cannot hold it. */
static size_t store(uint32_t character, tong_wchar *to, size_t room, int is_first, FILE *file)
{
    tong_wchar units[2];
    size_t count = tong_utf16_encode(character, units);

    if (count > room && !is_first) {
        put_back(character, file);
        return 0;
    }
    if (count > room) {
        put_back(units[1], file);
        count = 1;
    }
    memcpy(to, units, count * sizeof *to);
    return count;
}

tong_wchar *tong_w_fgets(tong_wchar *to, int size, FILE *file)
{
    size_t room = size > 0 ? (size_t)size - 1 : 0;
    size_t length = 0;

    if (!to || size <= 0)
        return NULL;
    flockfile(file);
    while (length < room) {
        int character = read_character(file);
        size_t stored;

        if (character == END)
            break;
        stored = store((uint32_t)character, to + length, room - length, length == 0, file);
        length += stored;
        if (stored == 0 || character == '\n')
            break;
    }
    funlockfile(file);
    to[length] = 0;
    return length > 0 || room == 0 ? to : NULL;
}

tong_wint tong_w_fgetc(FILE *file)
{
    tong_wchar unit;
    int character;

    flockfile(file);
    character = read_character(file);
    if (character != END)
        store((uint32_t)character, &unit, 1, 1, file);
    funlockfile(file);
    return character == END ? TONG_WEOF : unit;
}

tong_wint tong_w_getchar(void)
{
    return tong_w_fgetc(stdin);
}

tong_wint tong_w_ungetc(tong_wint unit, FILE *file)
{
    return unit < TONG_WEOF && put_back(unit, file) ? unit : TONG_WEOF;
}

int tong_w_fputs(const tong_wchar *text, FILE *file)
{
    return text && tong_write_utf16(file, text, tong_w_strlen(text)) ? 0 : EOF;
}

int tong_w_puts(const tong_wchar *text)
{
    static const tong_wchar newline = '\n';
    int result;

    flockfile(stdout);
    result = tong_w_fputs(text, stdout) == EOF || !tong_write_utf16(stdout, &newline, 1) ? EOF : 0;
    funlockfile(stdout);
    return result;
}

tong_wint tong_w_fputc(tong_wchar unit, FILE *file)
{
    return tong_write_utf16(file, &unit, 1) ? unit : TONG_WEOF;
}

tong_wint tong_w_putchar(tong_wchar unit)
{
    return tong_w_fputc(unit, stdout);
}

#define DEFINE_GETS_S(name, CH, get, end)                    \
    CH *name(CH *to, size_t size)                            \
    {                                                        \
        size_t length = 0;                                   \
        int overflow = 0;                                    \
        int character;                                       \
                                                             \
        if (!to || size == 0) {                              \
            errno = EINVAL;                                  \
            return NULL;                                     \
        }                                                    \
        while ((character = (int)get()) != (int)(end) && character != '\n') { \
            overflow |= length + 1 >= size;                  \
            if (!overflow)                                   \
                to[length++] = (CH)character;                \
        }                                                    \
        to[overflow ? 0 : length] = 0;                       \
        if (overflow)                                        \
            errno = ERANGE;                                  \
        return overflow || (character != '\n' && length == 0) ? NULL : to; \
    }

DEFINE_GETS_S(tong_a_gets_s, char, getchar, EOF)
DEFINE_GETS_S(tong_w_gets_s, tong_wchar, tong_w_getchar, TONG_WEOF)

/* Windows' modes may hold `t` and `, ccs=UTF-8`: what is text and how it is encoded is settled here. */
static void plain_mode(char *mode)
{
    char *to = mode;

    for (; *mode && *mode != ','; mode++)
        if (*mode != 't' && *mode != ' ')
            *to++ = *mode;
    *to = 0;
}

FILE *tong_w_fopen(const tong_wchar *name, const tong_wchar *mode)
{
    char *narrow_name = tong_narrow(name);
    char *narrow_mode = tong_narrow(mode);
    FILE *file = NULL;

    if (narrow_name && narrow_mode) {
        plain_mode(narrow_mode);
        file = fopen(narrow_name, narrow_mode);
    } else {
        errno = name && mode ? ENOMEM : EINVAL;
    }
    free(narrow_mode);
    free(narrow_name);
    return file;
}

static errno_t opened(FILE **file, FILE *stream)
{
    *file = stream;
    return stream ? 0 : errno;
}

errno_t tong_a_fopen_s(FILE **file, const char *name, const char *mode)
{
    return file && name && mode ? opened(file, fopen(name, mode)) : EINVAL;
}

errno_t tong_w_fopen_s(FILE **file, const tong_wchar *name, const tong_wchar *mode)
{
    return file && name && mode ? opened(file, tong_w_fopen(name, mode)) : EINVAL;
}

int tong_w_remove(const tong_wchar *name)
{
    char *narrow = tong_narrow(name);
    int result = narrow ? remove(narrow) : -1;

    free(narrow);
    return result;
}

int tong_w_rename(const tong_wchar *from, const tong_wchar *to)
{
    char *narrow_from = tong_narrow(from);
    char *narrow_to = tong_narrow(to);
    int result = narrow_from && narrow_to ? rename(narrow_from, narrow_to) : -1;

    free(narrow_to);
    free(narrow_from);
    return result;
}

void tong_w_perror(const tong_wchar *text)
{
    int error = errno;
    char *narrow = tong_narrow(text);

    errno = error;
    perror(narrow);
    free(narrow);
}

int tong_w_system(const tong_wchar *command)
{
    char *narrow = tong_narrow(command);
    int result = command && !narrow ? -1 : system(narrow);

    free(narrow);
    return result;
}

static pthread_once_t kept_once = PTHREAD_ONCE_INIT;
static pthread_key_t kept;

static void make_kept(void)
{
    pthread_key_create(&kept, free);
}

/* Keeps a wide copy until the thread's next call or its end. */
static tong_wchar *keep(const char *text)
{
    tong_wchar *wide = tong_widen(text);

    pthread_once(&kept_once, make_kept);
    free(pthread_getspecific(kept));
    pthread_setspecific(kept, wide);
    return wide;
}

tong_wchar *tong_w_getenv(const tong_wchar *name)
{
    char *narrow = tong_narrow(name);
    tong_wchar *value = keep(narrow ? getenv(narrow) : NULL);

    free(narrow);
    return value;
}

tong_wchar *tong_w_setlocale(int category, const tong_wchar *locale)
{
    char *narrow = tong_narrow(locale);
    tong_wchar *name = locale && !narrow ? NULL : keep(setlocale(category, narrow));

    free(narrow);
    return name;
}
