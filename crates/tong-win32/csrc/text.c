/* text.c - Microsoft's additions to the string functions, for both widths. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tongcrt.h>

/* Writes the digits, ended by 0, and returns how many characters they are, the sign included. */
static size_t digits_of(unsigned long long value, int negative, char digits[65], int radix)
{
    char reversed[64];
    size_t count = 0;
    size_t length = 0;

    do {
        reversed[count++] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % (unsigned)radix];
        value /= (unsigned)radix;
    } while (value > 0);
    if (negative)
        digits[length++] = '-';
    while (count > 0)
        digits[length++] = reversed[--count];
    digits[length] = 0;
    return length;
}

#define CH char
#define UNSIGNED_CH unsigned char
#define FN(name) tong_a_##name
#define LENGTH strlen
#include "text_core.h"
#undef CH
#undef UNSIGNED_CH
#undef FN
#undef LENGTH

#define CH tong_wchar
#define UNSIGNED_CH tong_wchar
#define FN(name) tong_w_##name
#define LENGTH tong_w_strlen
#include "text_core.h"
