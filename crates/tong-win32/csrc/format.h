/* format.h - one conversion of a format string: parsed, given its value, written into a growing buffer.
 *
 * The printf family (print_core.h) and FormatMessage are both built on these. Numbers are left to the C
 * library's snprintf, one at a time; what Windows means differently (sizes, strings, pointers) is done
 * here.
 */
#ifndef TONG_FORMAT_H
#define TONG_FORMAT_H

#include <stddef.h>

#include <tongdef.h>

/* A width or precision given as `*`. */
#define TONG_FROM_ARGUMENT (-2)
#define TONG_ABSENT (-1)

enum tong_size {
    TONG_SIZE_INT,    /* none, l and I32: long has 32 bits on Windows */
    TONG_SIZE_CHAR,   /* hh */
    TONG_SIZE_SHORT,  /* h */
    TONG_SIZE_64,     /* ll, I64, I, j, t, z */
    TONG_SIZE_LONG_DOUBLE
};

struct tong_spec {
    char flags[6];   /* those of "-+ #0" that were given */
    int width;
    int precision;
    enum tong_size size;
    char conversion; /* S and C have become s and c */
    char wide;       /* of s and c: the text is UTF-16 */
};

union tong_value {
    unsigned long long integer;
    const void *pointer;
    double real;
    long double long_real;
};

enum tong_value_kind { TONG_VALUE_INTEGER, TONG_VALUE_POINTER, TONG_VALUE_REAL, TONG_VALUE_LONG_REAL };

/* Says how the argument of a parsed conversion was passed. */
enum tong_value_kind tong_value_kind(const struct tong_spec *spec);

/* Give a width or precision that came from an argument its meaning: a negative one says "left" or "none". */
void tong_set_width(struct tong_spec *spec, int width);
void tong_set_precision(struct tong_spec *spec, int precision);

/* Writes a number as ASCII into new memory (to be freed); NULL without memory. */
char *tong_format_number(const struct tong_spec *spec, const union tong_value *value, size_t *length);

/* A buffer that starts in place and grows; `failed` stays set once memory ran out. */
#define TONG_BUFFER(name, character)   \
    struct name {                      \
        character *text;               \
        size_t length;                 \
        size_t capacity;               \
        int failed;                    \
        character first[256];          \
    }
TONG_BUFFER(tong_a_buffer, char);
TONG_BUFFER(tong_w_buffer, tong_wchar);

void tong_a_buffer_start(struct tong_a_buffer *buffer);
void tong_w_buffer_start(struct tong_w_buffer *buffer);
void tong_a_buffer_end(struct tong_a_buffer *buffer);
void tong_w_buffer_end(struct tong_w_buffer *buffer);
void tong_a_append(struct tong_a_buffer *buffer, const char *text, size_t length);
void tong_w_append(struct tong_w_buffer *buffer, const tong_wchar *text, size_t length);

/* Parse what follows a `%`; plain s and c are wide if `wide`. Return the place behind the conversion, or
 * NULL if it is unknown, too large or %n. */
const char *tong_a_parse_spec(const char *at, struct tong_spec *spec, int wide);
const tong_wchar *tong_w_parse_spec(const tong_wchar *at, struct tong_spec *spec, int wide);

/* Append the value of one conversion whose width and precision are known. */
void tong_a_emit(struct tong_a_buffer *buffer, const struct tong_spec *spec, const union tong_value *value);
void tong_w_emit(struct tong_w_buffer *buffer, const struct tong_spec *spec, const union tong_value *value);

#endif
