/* format_core.h - the part of format.c that depends on the width of characters; included once per width.
 *
 * CH is the character, FN(name) the name of a function of this width, OTHER_* what the other width is.
 */

void FN(buffer_start)(struct FN(buffer) * buffer)
{
    buffer->text = buffer->first;
    buffer->length = 0;
    buffer->capacity = sizeof buffer->first / sizeof *buffer->first;
    buffer->failed = 0;
}

void FN(buffer_end)(struct FN(buffer) * buffer)
{
    if (buffer->text != buffer->first)
        free(buffer->text);
}

/* Makes room for `more` characters and a final 0, and says whether it succeeded. */
static int FN(reserve)(struct FN(buffer) * buffer, size_t more)
{
    size_t capacity = buffer->capacity;
    CH *text;

    if (buffer->failed)
        return 0;
    if (more < capacity - buffer->length)
        return 1;
    while (capacity - buffer->length <= more && capacity <= INT_MAX)
        capacity *= 2;
    text = capacity <= INT_MAX ? malloc(capacity * sizeof *text) : NULL;
    if (!text) {
        buffer->failed = 1;
        return 0;
    }
    memcpy(text, buffer->text, buffer->length * sizeof *text);
    FN(buffer_end)(buffer);
    buffer->text = text;
    buffer->capacity = capacity;
    return 1;
}

void FN(append)(struct FN(buffer) * buffer, const CH *text, size_t length)
{
    if (!FN(reserve)(buffer, length))
        return;
    memcpy(buffer->text + buffer->length, text, length * sizeof *text);
    buffer->length += length;
}

static void FN(append_repeated)(struct FN(buffer) * buffer, char character, size_t count)
{
    if (!FN(reserve)(buffer, count))
        return;
    for (size_t i = 0; i < count; i++)
        buffer->text[buffer->length++] = (CH)character;
}

static void FN(append_ascii)(struct FN(buffer) * buffer, const char *text, size_t length)
{
    if (!FN(reserve)(buffer, length))
        return;
    for (size_t i = 0; i < length; i++)
        buffer->text[buffer->length++] = (CH)text[i];
}

/* Reads a number or `*`; a number beyond INT_MAX is refused by NULL. */
static const CH *FN(parse_count)(const CH *at, int *count)
{
    if (*at == '*') {
        *count = TONG_FROM_ARGUMENT;
        return at + 1;
    }
    while (*at >= '0' && *at <= '9') {
        int digit = (int)(*at++ - '0');

        if (*count < 0)
            *count = 0;
        if (*count > (INT_MAX - digit) / 10)
            return NULL;
        *count = *count * 10 + digit;
    }
    return at;
}

/* Reads the size letters. `text` becomes 'h' or 'l' if they say which width a string has. */
static const CH *FN(parse_size)(const CH *at, struct tong_spec *spec, char *text)
{
    switch (*at) {
    case 'h':
        *text = 'h';
        spec->size = at[1] == 'h' ? TONG_SIZE_CHAR : TONG_SIZE_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    case 'l':
        *text = 'l';
        spec->size = at[1] == 'l' ? TONG_SIZE_64 : TONG_SIZE_INT;
        return at + (at[1] == 'l' ? 2 : 1);
    case 'w':
        *text = 'l';
        return at + 1;
    case 'L':
        spec->size = TONG_SIZE_LONG_DOUBLE;
        return at + 1;
    case 'j':
    case 't':
    case 'z':
        spec->size = TONG_SIZE_64;
        return at + 1;
    case 'I':
        if (at[1] == '3' && at[2] == '2')
            return at + 3;
        spec->size = TONG_SIZE_64;
        return at + (at[1] == '6' && at[2] == '4' ? 3 : 1);
    default:
        return at;
    }
}

static const CH *FN(parse_flags)(const CH *at, struct tong_spec *spec)
{
    size_t count = 0;

    while (*at && (unsigned)*at < 0x80 && strchr("-+ #0", (char)*at)) {
        if (!memchr(spec->flags, (char)*at, count))
            spec->flags[count++] = (char)*at;
        at++;
    }
    return at;
}

const CH *FN(parse_spec)(const CH *at, struct tong_spec *spec, int wide)
{
    char text = 0;

    memset(spec, 0, sizeof *spec);
    spec->width = TONG_ABSENT;
    spec->precision = TONG_ABSENT;
    at = FN(parse_count)(FN(parse_flags)(at, spec), &spec->width);
    if (at && *at == '.') {
        at = FN(parse_count)(at + 1, &spec->precision);
        if (spec->precision == TONG_ABSENT)
            spec->precision = 0;
    }
    if (!at)
        return NULL;
    at = FN(parse_size)(at, spec, &text);
    if (!*at || (unsigned)*at >= 0x80 || !strchr("diouxXeEfFgGaAcCsSp", (char)*at))
        return NULL;
    spec->conversion = (char)*at;
    if (spec->conversion == 'S' || spec->conversion == 'C') {
        spec->conversion = (char)(spec->conversion - 'A' + 'a');
        wide = !wide;
    }
    spec->wide = (char)(text ? text == 'l' : wide);
    return at + 1;
}

static void FN(append_padded)(struct FN(buffer) * buffer, const struct tong_spec *spec, const CH *text,
                              size_t length)
{
    size_t width = spec->width > 0 ? (size_t)spec->width : 0;
    size_t fill = width > length ? width - length : 0;
    int left = strchr(spec->flags, '-') != NULL;

    if (!left)
        FN(append_repeated)(buffer, strchr(spec->flags, '0') ? '0' : ' ', fill);
    FN(append)(buffer, text, length);
    if (left)
        FN(append_repeated)(buffer, ' ', fill);
}

static size_t FN(bounded_length)(const CH *text, size_t limit)
{
    size_t length = 0;

    while (length < limit && text[length])
        length++;
    return length;
}

/* Converts text of the other width, as much as makes at most `limit` characters, and not part of one. */
static void FN(append_converted)(struct FN(buffer) * to, const OTHER_CH *text, size_t limit)
{
    while (*text && limit > 0) {
        uint32_t character;
        CH encoded[4];
        size_t length;

        text += OTHER_DECODE(text, 4, &character);
        length = OWN_ENCODE(character, encoded);
        if (length > limit)
            return;
        FN(append)(to, encoded, length);
        limit -= length;
    }
}

static void FN(emit_string)(struct FN(buffer) * buffer, const struct tong_spec *spec, const void *text)
{
    size_t limit = spec->precision >= 0 ? (size_t)spec->precision : SIZE_MAX;

    if (!text) {
        static const CH null[] = {'(', 'n', 'u', 'l', 'l', ')'};

        FN(append_padded)(buffer, spec, null, limit < 6 ? limit : 6);
    } else if ((spec->wide != 0) == OWN_IS_WIDE) {
        FN(append_padded)(buffer, spec, text, FN(bounded_length)(text, limit));
    } else {
        struct FN(buffer) converted;

        FN(buffer_start)(&converted);
        FN(append_converted)(&converted, text, limit);
        buffer->failed |= converted.failed;
        FN(append_padded)(buffer, spec, converted.text, converted.length);
        FN(buffer_end)(&converted);
    }
}

/* A character of 0 is written like any other. */
static void FN(emit_character)(struct FN(buffer) * buffer, const struct tong_spec *spec,
                               unsigned long long value)
{
    CH own[4];
    size_t length = 1;

    if ((spec->wide != 0) == OWN_IS_WIDE) {
        own[0] = (CH)value;
    } else {
        OTHER_CH other = (OTHER_CH)value;
        uint32_t character;

        OTHER_DECODE(&other, 1, &character);
        length = OWN_ENCODE(character, own);
    }
    FN(append_padded)(buffer, spec, own, length);
}

void FN(emit)(struct FN(buffer) * buffer, const struct tong_spec *spec,
              const union tong_value *value)
{
    if (spec->conversion == 's') {
        FN(emit_string)(buffer, spec, value->pointer);
    } else if (spec->conversion == 'c') {
        FN(emit_character)(buffer, spec, value->integer);
    } else {
        size_t length;
        char *number = tong_format_number(spec, value, &length);

        if (number)
            FN(append_ascii)(buffer, number, length);
        else
            buffer->failed = 1;
        free(number);
    }
}
