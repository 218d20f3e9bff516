/* wide_string.c - the standard string functions and character classes for UTF-16. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include <tongcrt.h>

size_t tong_w_strlen(const tong_wchar *text)
{
    const tong_wchar *end = text;

    while (*end)
        end++;
    return (size_t)(end - text);
}

size_t tong_w_strnlen(const tong_wchar *text, size_t count)
{
    size_t length = 0;

    while (length < count && text[length])
        length++;
    return length;
}

int tong_w_strncmp(const tong_wchar *first, const tong_wchar *second, size_t count)
{
    for (; count > 0; count--, first++, second++) {
        if (*first != *second)
            return *first < *second ? -1 : 1;
        if (!*first)
            break;
    }
    return 0;
}

int tong_w_strcmp(const tong_wchar *first, const tong_wchar *second)
{
    return tong_w_strncmp(first, second, (size_t)-1);
}

tong_wchar *tong_w_strcpy(tong_wchar *to, const tong_wchar *from)
{
    return memcpy(to, from, (tong_w_strlen(from) + 1) * sizeof *to);
}

/* Like strncpy it fills up with 0, and ends in no 0 if there is no room. */
tong_wchar *tong_w_strncpy(tong_wchar *to, const tong_wchar *from, size_t count)
{
    size_t length = tong_w_strnlen(from, count);

    memcpy(to, from, length * sizeof *to);
    memset(to + length, 0, (count - length) * sizeof *to);
    return to;
}

tong_wchar *tong_w_strcat(tong_wchar *to, const tong_wchar *from)
{
    tong_w_strcpy(to + tong_w_strlen(to), from);
    return to;
}

tong_wchar *tong_w_strncat(tong_wchar *to, const tong_wchar *from, size_t count)
{
    tong_wchar *end = to + tong_w_strlen(to);
    size_t length = tong_w_strnlen(from, count);

    memcpy(end, from, length * sizeof *to);
    end[length] = 0;
    return to;
}

tong_wchar *tong_w_strchr(const tong_wchar *text, tong_wchar wanted)
{
    for (;; text++) {
        if (*text == wanted)
            return (tong_wchar *)text;
        if (!*text)
            return NULL;
    }
}

tong_wchar *tong_w_strrchr(const tong_wchar *text, tong_wchar wanted)
{
    for (const tong_wchar *at = text + tong_w_strlen(text);; at--) {
        if (*at == wanted)
            return (tong_wchar *)at;
        if (at == text)
            return NULL;
    }
}

tong_wchar *tong_w_strstr(const tong_wchar *text, const tong_wchar *wanted)
{
    size_t length = tong_w_strlen(wanted);

    for (;; text++) {
        if (!tong_w_strncmp(text, wanted, length))
            return (tong_wchar *)text;
        if (!*text)
            return NULL;
    }
}

/* Counts the leading units that are in the set, or are not. */
static size_t span(const tong_wchar *text, const tong_wchar *set, int in_set)
{
    size_t length = 0;

    while (text[length] && (tong_w_strchr(set, text[length]) != NULL) == in_set)
        length++;
    return length;
}

size_t tong_w_strspn(const tong_wchar *text, const tong_wchar *set)
{
    return span(text, set, 1);
}

size_t tong_w_strcspn(const tong_wchar *text, const tong_wchar *set)
{
    return span(text, set, 0);
}

tong_wchar *tong_w_strpbrk(const tong_wchar *text, const tong_wchar *wanted)
{
    text += tong_w_strcspn(text, wanted);
    return *text ? (tong_wchar *)text : NULL;
}

/* Each thread has its own place in its own string, as on Windows. */
tong_wchar *tong_w_strtok(tong_wchar *text, const tong_wchar *separators)
{
    static _Thread_local tong_wchar *context;

    return tong_w_strtok_s(text, separators, &context);
}

/* The characters that a number may consist of, as ASCII, for the C library to parse. */
struct number_text {
    size_t skipped;
    char *digits;
    char in_place[128];
};

static void copy_number(struct number_text *number, const tong_wchar *text)
{
    size_t length = 0;

    number->skipped = 0;
    while (tong_w_isspace(text[number->skipped]))
        number->skipped++;
    text += number->skipped;
    while (text[length] < 0x80 && (isalnum(text[length]) || (text[length] && strchr("+-.", text[length]))))
        length++;
    number->digits = length < sizeof number->in_place ? number->in_place : malloc(length + 1);
    if (!number->digits) {
        number->digits = number->in_place;
        length = 0;
    }
    for (size_t i = 0; i < length; i++)
        number->digits[i] = (char)text[i];
    number->digits[length] = 0;
}

static void finish_number(struct number_text *number, const tong_wchar *text, const char *stop, tong_wchar **end)
{
    size_t used = (size_t)(stop - number->digits);

    if (end)
        *end = (tong_wchar *)text + (used > 0 ? number->skipped + used : 0);
    if (number->digits != number->in_place)
        free(number->digits);
}

#define DEFINE_PARSER(name, type, parameters, call)        \
    type name parameters                                   \
    {                                                      \
        struct number_text number;                         \
        char *stop;                                        \
        type value;                                        \
                                                           \
        copy_number(&number, text);                        \
        value = call;                                      \
        finish_number(&number, text, stop, end);           \
        return value;                                      \
    }

DEFINE_PARSER(tong_w_strtol, long, (const tong_wchar *text, tong_wchar **end, int radix),
              strtol(number.digits, &stop, radix))
DEFINE_PARSER(tong_w_strtoul, unsigned long, (const tong_wchar *text, tong_wchar **end, int radix),
              strtoul(number.digits, &stop, radix))
DEFINE_PARSER(tong_w_strtoi64, long long, (const tong_wchar *text, tong_wchar **end, int radix),
              strtoll(number.digits, &stop, radix))
DEFINE_PARSER(tong_w_strtoui64, unsigned long long, (const tong_wchar *text, tong_wchar **end, int radix),
              strtoull(number.digits, &stop, radix))
DEFINE_PARSER(tong_w_strtod, double, (const tong_wchar *text, tong_wchar **end), strtod(number.digits, &stop))

int tong_w_atoi(const tong_wchar *text)
{
    return (int)tong_w_strtol(text, NULL, 10);
}

long tong_w_atol(const tong_wchar *text)
{
    return tong_w_strtol(text, NULL, 10);
}

long long tong_w_atoi64(const tong_wchar *text)
{
    return tong_w_strtoi64(text, NULL, 10);
}

double tong_w_atof(const tong_wchar *text)
{
    return tong_w_strtod(text, NULL);
}

static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;
static locale_t unicode;

static void find_unicode(void)
{
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!unicode)
        unicode = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

/* Classes are Unicode's whatever the program's locale, as on Windows; a surrogate is in none of them. */
static int in_class(tong_wint unit, int (*test)(wint_t, locale_t))
{
    pthread_once(&unicode_once, find_unicode);
    return unit < 0xFFFF && unicode && test((wint_t)unit, unicode);
}

#define DEFINE_CLASS(name)                     \
    int tong_w_is##name(tong_wint unit)        \
    {                                          \
        return in_class(unit, isw##name##_l);  \
    }

DEFINE_CLASS(alnum)
DEFINE_CLASS(alpha)
DEFINE_CLASS(cntrl)
DEFINE_CLASS(digit)
DEFINE_CLASS(graph)
DEFINE_CLASS(lower)
DEFINE_CLASS(print)
DEFINE_CLASS(punct)
DEFINE_CLASS(space)
DEFINE_CLASS(upper)
DEFINE_CLASS(xdigit)

tong_wint tong_w_tolower(tong_wint unit)
{
    return unit >= 'A' && unit <= 'Z' ? unit - 'A' + 'a' : unit;
}

tong_wint tong_w_toupper(tong_wint unit)
{
    return unit >= 'a' && unit <= 'z' ? unit - 'a' + 'A' : unit;
}
