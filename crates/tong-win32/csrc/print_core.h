/* print_core.h - the printf family for one width of characters; print.c includes it once per width.
 *
 * CH is the character, FN(name) the exported or internal name, WRITE(file, text, length) puts text out.
 */

static void FN(next_value)(const struct tong_spec *spec, struct argument_list *arguments,
                           union tong_value *value)
{
    switch (tong_value_kind(spec)) {
    case TONG_VALUE_REAL:
        value->real = va_arg(arguments->list, double);
        break;
    case TONG_VALUE_LONG_REAL:
        value->long_real = va_arg(arguments->list, long double);
        break;
    case TONG_VALUE_POINTER:
        value->pointer = va_arg(arguments->list, const void *);
        break;
    default:
        /* Every integer fills a slot of 64 bits, so its size can be left to tong_format_number. */
        value->integer = va_arg(arguments->list, unsigned long long);
        break;
    }
}

static int FN(format_from)(struct FN(buffer) * buffer, const CH *format, struct argument_list *arguments)
{
    while (*format) {
        const CH *start = format;
        struct tong_spec spec;
        union tong_value value;

        while (*format && *format != '%')
            format++;
        FN(append)(buffer, start, (size_t)(format - start));
        if (!*format)
            break;
        if (format[1] == '%') {
            FN(append)(buffer, format, 1);
            format += 2;
            continue;
        }
        format = FN(parse_spec)(format + 1, &spec, OWN_IS_WIDE);
        if (!format) {
            errno = EINVAL;
            return 0;
        }
        if (spec.width == TONG_FROM_ARGUMENT)
            tong_set_width(&spec, va_arg(arguments->list, int));
        if (spec.precision == TONG_FROM_ARGUMENT)
            tong_set_precision(&spec, va_arg(arguments->list, int));
        FN(next_value)(&spec, arguments, &value);
        FN(emit)(buffer, &spec, &value);
    }
    if (buffer->failed)
        errno = ENOMEM;
    return !buffer->failed;
}

int FN(format)(struct FN(buffer) * buffer, const CH *format, va_list arguments)
{
    struct argument_list copy;
    int formatted;

    if (!format) {
        errno = EINVAL;
        return 0;
    }
    va_copy(copy.list, arguments);
    formatted = FN(format_from)(buffer, format, &copy);
    va_end(copy.list);
    return formatted;
}

int FN(vfprintf)(FILE *file, const CH *format, va_list arguments)
{
    struct FN(buffer) buffer;
    int result = -1;

    FN(buffer_start)(&buffer);
    if (FN(format)(&buffer, format, arguments) && WRITE(file, buffer.text, buffer.length))
        result = (int)buffer.length;
    FN(buffer_end)(&buffer);
    return result;
}

/* Formats and copies at most `count` characters to `to`; the full length, or -1. */
static int FN(format_into)(CH *to, size_t count, const CH *format, va_list arguments)
{
    struct FN(buffer) buffer;
    int result = -1;

    FN(buffer_start)(&buffer);
    if (FN(format)(&buffer, format, arguments)) {
        size_t copied = buffer.length < count ? buffer.length : count;

        if (copied > 0)
            memcpy(to, buffer.text, copied * sizeof *to);
        result = (int)buffer.length;
    }
    FN(buffer_end)(&buffer);
    return result;
}

int FN(vsprintf)(CH *to, const CH *format, va_list arguments)
{
    int length = FN(format_into)(to, SIZE_MAX, format, arguments);

    if (length >= 0)
        to[length] = 0;
    return length;
}

int FN(vsnprintf)(CH *to, size_t count, const CH *format, va_list arguments)
{
    int length = FN(format_into)(to, count, format, arguments);

    if (length >= 0 && (size_t)length < count)
        to[length] = 0;
    return length < 0 || (size_t)length > count ? -1 : length;
}

int FN(vsnprintf_s)(CH *to, size_t size, size_t count, const CH *format, va_list arguments)
{
    size_t room;
    int length;

    if (!to || size == 0) {
        errno = EINVAL;
        return -1;
    }
    room = count < size - 1 ? count : size - 1;
    length = FN(format_into)(to, room, format, arguments);
    if (length < 0) {
        to[0] = 0;
        return -1;
    }
    if ((size_t)length <= room) {
        to[length] = 0;
        return length;
    }
    /* Cutting is a success of a kind if the caller asked for it, and otherwise leaves nothing. */
    if (count == _TRUNCATE || count < size) {
        to[room] = 0;
    } else {
        to[0] = 0;
        errno = ERANGE;
    }
    return -1;
}

int FN(vsprintf_s)(CH *to, size_t size, const CH *format, va_list arguments)
{
    return FN(vsnprintf_s)(to, size, size, format, arguments);
}

int FN(vscprintf)(const CH *format, va_list arguments)
{
    return FN(format_into)(NULL, 0, format, arguments);
}

int FN(vprintf)(const CH *format, va_list arguments)
{
    return FN(vfprintf)(stdout, format, arguments);
}

/* Defines the form with `...` of a function with a va_list. */
#define VARIADIC(name, parameters, call)    \
    int FN(name) parameters                 \
    {                                       \
        va_list arguments;                  \
        int result;                         \
                                            \
        va_start(arguments, format);        \
        result = FN(v##name) call;          \
        va_end(arguments);                  \
        return result;                      \
    }

VARIADIC(printf, (const CH *format, ...), (format, arguments))
VARIADIC(fprintf, (FILE * file, const CH *format, ...), (file, format, arguments))
VARIADIC(sprintf, (CH * to, const CH *format, ...), (to, format, arguments))
VARIADIC(snprintf, (CH * to, size_t count, const CH *format, ...), (to, count, format, arguments))
VARIADIC(sprintf_s, (CH * to, size_t size, const CH *format, ...), (to, size, format, arguments))
VARIADIC(snprintf_s, (CH * to, size_t size, size_t count, const CH *format, ...),
         (to, size, count, format, arguments))
VARIADIC(scprintf, (const CH *format, ...), (format, arguments))

#undef VARIADIC
