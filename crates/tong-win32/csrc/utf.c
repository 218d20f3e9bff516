#include "utf.h"

#include <stdlib.h>
#include <string.h>

#include <tongcrt.h>

/* The Unicode Standard, table 3-7 (well-formed UTF-8 byte sequences). */
struct tong_utf8_lead tong_utf8_lead(unsigned char byte)
{
    struct tong_utf8_lead lead = {0, 0x80, 0xBF, TONG_REPLACEMENT};

    if (byte < 0x80) {
        lead.value = byte;
    } else if (byte >= 0xC2 && byte <= 0xDF) {
        lead.more = 1;
        lead.value = byte & 0x1Fu;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        lead.more = 2;
        lead.value = byte & 0x0Fu;
        lead.low = byte == 0xE0 ? 0xA0 : 0x80;
        lead.high = byte == 0xED ? 0x9F : 0xBF;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        lead.more = 3;
        lead.value = byte & 0x07u;
        lead.low = byte == 0xF0 ? 0x90 : 0x80;
        lead.high = byte == 0xF4 ? 0x8F : 0xBF;
    }
    return lead;
}

size_t tong_utf8_decode(const char *bytes, size_t length, uint32_t *character)
{
    struct tong_utf8_lead lead = tong_utf8_lead((unsigned char)bytes[0]);

    for (unsigned i = 1; i <= lead.more; i++) {
        unsigned char byte = i < length ? (unsigned char)bytes[i] : 0;

        if (byte < lead.low || byte > lead.high) {
            *character = TONG_REPLACEMENT;
            return i;
        }
        lead.value = lead.value << 6 | (byte & 0x3Fu);
        lead.low = 0x80;
        lead.high = 0xBF;
    }
    *character = lead.value;
    return lead.more + 1;
}

size_t tong_utf16_decode(const tong_wchar *units, size_t length, uint32_t *character)
{
    *character = units[0];
    if ((units[0] & 0xF800) != 0xD800)
        return 1;
    if (tong_is_high_surrogate(units[0]) && length > 1 && tong_is_low_surrogate(units[1])) {
        *character = tong_join_surrogates(units[0], units[1]);
        return 2;
    }
    *character = TONG_REPLACEMENT;
    return 1;
}

size_t tong_utf8_encode(uint32_t character, char *bytes)
{
    if (character < 0x80) {
        bytes[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        bytes[0] = (char)(0xC0 | character >> 6);
        bytes[1] = (char)(0x80 | (character & 0x3F));
        return 2;
    }
    if (character < 0x10000) {
        bytes[0] = (char)(0xE0 | character >> 12);
        bytes[1] = (char)(0x80 | (character >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (character & 0x3F));
        return 3;
    }
    bytes[0] = (char)(0xF0 | character >> 18);
    bytes[1] = (char)(0x80 | (character >> 12 & 0x3F));
    bytes[2] = (char)(0x80 | (character >> 6 & 0x3F));
    bytes[3] = (char)(0x80 | (character & 0x3F));
    return 4;
}

size_t tong_utf16_encode(uint32_t character, tong_wchar *units)
{
    if (character < 0x10000) {
        units[0] = (tong_wchar)character;
        return 1;
    }
    units[0] = (tong_wchar)(0xD800 + ((character - 0x10000) >> 10));
    units[1] = (tong_wchar)(0xDC00 + ((character - 0x10000) & 0x3FF));
    return 2;
}

/* A byte never becomes more than one unit. */
tong_wchar *tong_utf8_to_utf16(const char *bytes, size_t length, size_t *converted)
{
    tong_wchar *units = malloc((length + 1) * sizeof *units);
    size_t count = 0;

    if (!units)
        return NULL;
    for (size_t at = 0; at < length;) {
        uint32_t character;

        at += tong_utf8_decode(bytes + at, length - at, &character);
        count += tong_utf16_encode(character, units + count);
    }
    units[count] = 0;
    if (converted)
        *converted = count;
    return units;
}

/* A unit never becomes more than three bytes. */
char *tong_utf16_to_utf8(const tong_wchar *units, size_t length, size_t *converted)
{
    char *bytes = malloc(length * 3 + 1);
    size_t count = 0;

    if (!bytes)
        return NULL;
    for (size_t at = 0; at < length;) {
        uint32_t character;

        at += tong_utf16_decode(units + at, length - at, &character);
        count += tong_utf8_encode(character, bytes + count);
    }
    bytes[count] = 0;
    if (converted)
        *converted = count;
    return bytes;
}

tong_wchar *tong_widen(const char *text)
{
    return text ? tong_utf8_to_utf16(text, strlen(text), NULL) : NULL;
}

char *tong_narrow(const tong_wchar *text)
{
    return text ? tong_utf16_to_utf8(text, tong_w_strlen(text), NULL) : NULL;
}
