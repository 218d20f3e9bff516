/* text_core.h - string functions of Microsoft's run-time for one width of characters; text.c includes it twice.
 *
 * CH is the character, FN(name) the exported name, LENGTH(text) its length.
 */

static errno_t FN(copy_s)(CH *to, size_t size, size_t at, const CH *from, size_t count)
{
    size_t start = at;

    for (; at < size && (size_t)(at - start) < count && from[at - start]; at++)
        to[at] = from[at - start];
    if (at < size) {
        to[at] = 0;
        return 0;
    }
    if (count == _TRUNCATE) {
        to[size - 1] = 0;
        return STRUNCATE;
    }
    to[0] = 0;
    errno = ERANGE;
    return ERANGE;
}

static errno_t FN(refuse)(CH *to, size_t size)
{
    if (to && size > 0)
        to[0] = 0;
    errno = EINVAL;
    return EINVAL;
}

errno_t FN(strncpy_s)(CH *to, size_t size, const CH *from, size_t count)
{
    if (!to || size == 0 || (!from && count > 0))
        return FN(refuse)(to, size);
    return FN(copy_s)(to, size, 0, from, count);
}

/* A bound that no string reaches, and which is not _TRUNCATE: too long a string is an error. */
#define UNBOUNDED ((size_t)-2)

errno_t FN(strcpy_s)(CH *to, size_t size, const CH *from)
{
    return FN(strncpy_s)(to, size, from, UNBOUNDED);
}

errno_t FN(strncat_s)(CH *to, size_t size, const CH *from, size_t count)
{
    size_t length = 0;

    if (!to || size == 0 || (!from && count > 0))
        return FN(refuse)(to, size);
    while (length < size && to[length])
        length++;
    if (length == size)
        return FN(refuse)(to, size);
    return FN(copy_s)(to, size, length, from, count);
}

errno_t FN(strcat_s)(CH *to, size_t size, const CH *from)
{
    return FN(strncat_s)(to, size, from, UNBOUNDED);
}

#undef UNBOUNDED

static int FN(contains)(const CH *set, CH wanted)
{
    while (*set && *set != wanted)
        set++;
    return *set != 0;
}

CH *FN(strtok_s)(CH *text, const CH *separators, CH **context)
{
    CH *token = text ? text : *context;

    if (!token)
        return NULL;
    while (*token && FN(contains)(separators, *token))
        token++;
    for (text = token; *text && !FN(contains)(separators, *text);)
        text++;
    *context = *text ? text + 1 : text;
    *text = 0;
    return *token ? token : NULL;
}

static CH FN(lower)(CH character)
{
    return character >= 'A' && character <= 'Z' ? (CH)(character - 'A' + 'a') : character;
}

static CH FN(upper)(CH character)
{
    return character >= 'a' && character <= 'z' ? (CH)(character - 'a' + 'A') : character;
}

int FN(strnicmp)(const CH *first, const CH *second, size_t count)
{
    for (; count > 0; count--, first++, second++) {
        UNSIGNED_CH a = (UNSIGNED_CH)FN(lower)(*first);
        UNSIGNED_CH b = (UNSIGNED_CH)FN(lower)(*second);

        if (a != b)
            return a < b ? -1 : 1;
        if (a == 0)
            break;
    }
    return 0;
}

int FN(stricmp)(const CH *first, const CH *second)
{
    return FN(strnicmp)(first, second, SIZE_MAX);
}

CH *FN(strlwr)(CH *text)
{
    for (CH *at = text; *at; at++)
        *at = FN(lower)(*at);
    return text;
}

CH *FN(strupr)(CH *text)
{
    for (CH *at = text; *at; at++)
        *at = FN(upper)(*at);
    return text;
}

CH *FN(strdup)(const CH *text)
{
    size_t size = text ? (LENGTH(text) + 1) * sizeof *text : 0;
    CH *copy = text ? malloc(size) : NULL;

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

CH *FN(strrev)(CH *text)
{
    for (size_t left = 0, right = LENGTH(text); left + 1 < right; left++) {
        CH kept = text[left];

        text[left] = text[--right];
        text[right] = kept;
    }
    return text;
}

static errno_t FN(number_s)(unsigned long long value, int negative, CH *to, size_t size, int radix)
{
    char digits[65];
    size_t length;

    if (!to || size == 0 || radix < 2 || radix > 36)
        return FN(refuse)(to, size);
    length = digits_of(value, negative, digits, radix);
    if (length >= size) {
        to[0] = 0;
        errno = ERANGE;
        return ERANGE;
    }
    for (size_t i = 0; i <= length; i++)
        to[i] = (CH)digits[i];
    return 0;
}

/* Only in radix 10 has a number a sign; in every other radix its bits are shown. */
errno_t FN(itoa_s)(int value, CH *to, size_t size, int radix)
{
    int negative = radix == 10 && value < 0;

    return FN(number_s)(negative ? 0u - (unsigned int)value : (unsigned int)value, negative, to, size, radix);
}

errno_t FN(ultoa_s)(unsigned int value, CH *to, size_t size, int radix)
{
    return FN(number_s)(value, 0, to, size, radix);
}

errno_t FN(i64toa_s)(long long value, CH *to, size_t size, int radix)
{
    int negative = radix == 10 && value < 0;
    unsigned long long bits = (unsigned long long)value;

    return FN(number_s)(negative ? 0u - bits : bits, negative, to, size, radix);
}

errno_t FN(ui64toa_s)(unsigned long long value, CH *to, size_t size, int radix)
{
    return FN(number_s)(value, 0, to, size, radix);
}

CH *FN(itoa)(int value, CH *to, int radix)
{
    FN(itoa_s)(value, to, SIZE_MAX, radix);
    return to;
}

CH *FN(ultoa)(unsigned int value, CH *to, int radix)
{
    FN(ultoa_s)(value, to, SIZE_MAX, radix);
    return to;
}

CH *FN(i64toa)(long long value, CH *to, int radix)
{
    FN(i64toa_s)(value, to, SIZE_MAX, radix);
    return to;
}

CH *FN(ui64toa)(unsigned long long value, CH *to, int radix)
{
    FN(ui64toa_s)(value, to, SIZE_MAX, radix);
    return to;
}
