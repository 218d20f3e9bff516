/* utf.h - between UTF-8, UTF-16 and single characters. What is not valid becomes U+FFFD. */
#ifndef TONG_UTF_H
#define TONG_UTF_H

#include <stddef.h>
#include <stdint.h>

#include <tongdef.h>

#define TONG_REPLACEMENT 0xFFFDu

static inline int tong_is_high_surrogate(uint32_t unit)
{
    return (unit & 0xFC00u) == 0xD800u;
}

static inline int tong_is_low_surrogate(uint32_t unit)
{
    return (unit & 0xFC00u) == 0xDC00u;
}

static inline uint32_t tong_join_surrogates(uint32_t high, uint32_t low)
{
    return 0x10000u + ((high - 0xD800u) << 10) + (low - 0xDC00u);
}

/* How the byte sequence of one character goes on after its first byte. */
struct tong_utf8_lead {
    unsigned more;       /* bytes that follow; 0 for ASCII and for bytes that cannot lead */
    unsigned low, high;  /* bounds of the first that follows */
    uint32_t value;      /* bits of the character, or TONG_REPLACEMENT */
};
struct tong_utf8_lead tong_utf8_lead(unsigned char byte);

/* Decodes one character of the `length` > 0 bytes and returns how many belong to it. Bytes are looked at one
 * after the other and none behind the first that does not fit, so a string's final 0 is a bound too. */
size_t tong_utf8_decode(const char *bytes, size_t length, uint32_t *character);
/* Decodes one character of the `length` > 0 units and returns how many belong to it; likewise. */
size_t tong_utf16_decode(const tong_wchar *units, size_t length, uint32_t *character);

/* Write at most 4 bytes, or 2 units, and return how many. */
size_t tong_utf8_encode(uint32_t character, char *bytes);
size_t tong_utf16_encode(uint32_t character, tong_wchar *units);

/* Convert `length` bytes or units into new memory (to be freed), ended by 0; NULL and ENOMEM without memory.
 * `converted` receives the length of the result and may be NULL. */
tong_wchar *tong_utf8_to_utf16(const char *bytes, size_t length, size_t *converted);
char *tong_utf16_to_utf8(const tong_wchar *units, size_t length, size_t *converted);

/* The same for a whole string; NULL stays NULL. */
tong_wchar *tong_widen(const char *text);
char *tong_narrow(const tong_wchar *text);

#endif
