/* lstring.c - the lstr functions of winbase.h. NULL is an empty string, and a NULL target a failure. */
#include <string.h>

#include <tongcrt.h>
#include <winbase.h>

#define DEFINE_LSTRINGS(suffix, CH, string, ignoring_case)                                   \
    int lstrlen##suffix(const CH *text)                                                      \
    {                                                                                        \
        return text ? (int)string(len)(text) : 0;                                            \
    }                                                                                        \
                                                                                             \
    CH *lstrcpy##suffix(CH *to, const CH *from)                                              \
    {                                                                                        \
        return to && from ? string(cpy)(to, from) : NULL;                                    \
    }                                                                                        \
                                                                                             \
    CH *lstrcat##suffix(CH *to, const CH *from)                                              \
    {                                                                                        \
        return to && from ? string(cat)(to, from) : NULL;                                    \
    }                                                                                        \
                                                                                             \
    CH *lstrcpyn##suffix(CH *to, const CH *from, int size)                                   \
    {                                                                                        \
        int length = 0;                                                                      \
                                                                                             \
        if (!to || !from || size <= 0)                                                       \
            return NULL;                                                                     \
        for (; length < size - 1 && from[length]; length++)                                  \
            to[length] = from[length];                                                       \
        to[length] = 0;                                                                      \
        return to;                                                                           \
    }                                                                                        \
                                                                                             \
    int lstrcmp##suffix(const CH *first, const CH *second)                                   \
    {                                                                                        \
        return first && second ? string(cmp)(first, second) : (first != NULL) - (second != NULL); \
    }                                                                                        \
                                                                                             \
    int lstrcmpi##suffix(const CH *first, const CH *second)                                  \
    {                                                                                        \
        return first && second ? ignoring_case(first, second) : (first != NULL) - (second != NULL); \
    }

#define NARROW(name) str##name
#define WIDE(name) tong_w_str##name

DEFINE_LSTRINGS(A, char, NARROW, tong_a_stricmp)
DEFINE_LSTRINGS(W, tong_wchar, WIDE, tong_w_stricmp)
