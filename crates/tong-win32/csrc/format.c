#include "format.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf.h"

enum tong_value_kind tong_value_kind(const struct tong_spec *spec)
{
    if (strchr("eEfFgGaA", spec->conversion))
        return spec->size == TONG_SIZE_LONG_DOUBLE ? TONG_VALUE_LONG_REAL : TONG_VALUE_REAL;
    if (spec->conversion == 's' || spec->conversion == 'p')
        return TONG_VALUE_POINTER;
    return TONG_VALUE_INTEGER;
}

void tong_set_width(struct tong_spec *spec, int width)
{
    if (width < 0) {
        if (!strchr(spec->flags, '-'))
            spec->flags[strlen(spec->flags)] = '-';
        width = width == INT_MIN ? INT_MAX : -width;
    }
    spec->width = width;
}

void tong_set_precision(struct tong_spec *spec, int precision)
{
    spec->precision = precision < 0 ? TONG_ABSENT : precision;
}

/* Only the low bits that the size names are the value; the rest of the argument's slot may be anything. */
static unsigned long long integer_of(const struct tong_spec *spec, unsigned long long slot)
{
    int is_signed = spec->conversion == 'd' || spec->conversion == 'i';

    switch (spec->size) {
    case TONG_SIZE_CHAR:
        return is_signed ? (unsigned long long)(signed char)slot : (unsigned char)slot;
    case TONG_SIZE_SHORT:
        return is_signed ? (unsigned long long)(short)slot : (unsigned short)slot;
    case TONG_SIZE_64:
        return slot;
    default:
        return is_signed ? (unsigned long long)(int)slot : (unsigned int)slot;
    }
}

static int print_number(char *to, size_t size, const char *format, const struct tong_spec *spec,
                        const union tong_value *value)
{
    int width = spec->width > 0 ? spec->width : 0;

    switch (tong_value_kind(spec)) {
    case TONG_VALUE_REAL:
        return snprintf(to, size, format, width, spec->precision, value->real);
    case TONG_VALUE_LONG_REAL:
        return snprintf(to, size, format, width, spec->precision, value->long_real);
    case TONG_VALUE_POINTER:
        return snprintf(to, size, format, width, 16, (unsigned long long)(uintptr_t)value->pointer);
    default:
        return snprintf(to, size, format, width, spec->precision, integer_of(spec, value->integer));
    }
}

char *tong_format_number(const struct tong_spec *spec, const union tong_value *value, size_t *length)
{
    struct tong_spec number = *spec;
    char format[24];
    char *text;
    int printed;

    /* A missing precision is passed as -1, which snprintf takes as missing; but Windows prints %a in full. */
    if ((spec->conversion == 'a' || spec->conversion == 'A') && spec->precision < 0)
        number.precision = 13;
    switch (tong_value_kind(spec)) {
    case TONG_VALUE_REAL:
        snprintf(format, sizeof format, "%%%s*.*%c", spec->flags, spec->conversion);
        break;
    case TONG_VALUE_LONG_REAL:
        snprintf(format, sizeof format, "%%%s*.*L%c", spec->flags, spec->conversion);
        break;
    case TONG_VALUE_POINTER:
        snprintf(format, sizeof format, "%%%s*.*llX", strchr(spec->flags, '-') ? "-" : "");
        break;
    default:
        snprintf(format, sizeof format, "%%%s*.*ll%c", spec->flags, spec->conversion);
        break;
    }
    printed = print_number(NULL, 0, format, &number, value);
    text = printed < 0 ? NULL : malloc((size_t)printed + 1);
    if (text)
        *length = (size_t)print_number(text, (size_t)printed + 1, format, &number, value);
    return text;
}

#define CH char
#define FN(name) tong_a_##name
#define OWN_IS_WIDE 0
#define OWN_ENCODE tong_utf8_encode
#define OTHER_CH tong_wchar
#define OTHER_DECODE tong_utf16_decode
#include "format_core.h"
#undef CH
#undef FN
#undef OWN_IS_WIDE
#undef OWN_ENCODE
#undef OTHER_CH
#undef OTHER_DECODE

#define CH tong_wchar
#define FN(name) tong_w_##name
#define OWN_IS_WIDE 1
#define OWN_ENCODE tong_utf16_encode
#define OTHER_CH char
#define OTHER_DECODE tong_utf8_decode
#include "format_core.h"
