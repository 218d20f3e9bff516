/* tongcrt.hpp - the forms that C++ adds to tongcrt.h: the size of an array as its type tells it. */
#ifndef TONG_CRT_HPP
#define TONG_CRT_HPP

/* Declared only: sizeof of a call is the number of elements, and a pointer does not compile. */
template <typename Element, size_t count> char (&tong_count_of(Element (&array)[count]))[count];

#define TONG_ARRAY_FORMS(width, character)                                                              \
    template <size_t size> inline errno_t width##strcpy_s(character(&to)[size], const character *from)  \
    {                                                                                                   \
        return width##strcpy_s(to, size, from);                                                         \
    }                                                                                                   \
    template <size_t size> inline errno_t width##strcat_s(character(&to)[size], const character *from)  \
    {                                                                                                   \
        return width##strcat_s(to, size, from);                                                         \
    }                                                                                                   \
    template <size_t size>                                                                              \
    inline errno_t width##strncpy_s(character(&to)[size], const character *from, size_t count)          \
    {                                                                                                   \
        return width##strncpy_s(to, size, from, count);                                                 \
    }                                                                                                   \
    template <size_t size>                                                                              \
    inline errno_t width##strncat_s(character(&to)[size], const character *from, size_t count)          \
    {                                                                                                   \
        return width##strncat_s(to, size, from, count);                                                 \
    }                                                                                                   \
    template <size_t size> inline character *width##gets_s(character(&to)[size])                        \
    {                                                                                                   \
        return width##gets_s(to, size);                                                                 \
    }                                                                                                   \
    template <size_t size> inline int width##sprintf_s(character(&to)[size], const character *format, ...) \
    {                                                                                                   \
        va_list arguments;                                                                              \
        va_start(arguments, format);                                                                    \
        int length = width##vsprintf_s(to, size, format, arguments);                                    \
        va_end(arguments);                                                                              \
        return length;                                                                                  \
    }                                                                                                   \
    template <size_t size>                                                                              \
    inline int width##snprintf_s(character(&to)[size], size_t count, const character *format, ...)      \
    {                                                                                                   \
        va_list arguments;                                                                              \
        va_start(arguments, format);                                                                    \
        int length = width##vsnprintf_s(to, size, count, format, arguments);                            \
        va_end(arguments);                                                                              \
        return length;                                                                                  \
    }

TONG_ARRAY_FORMS(tong_a_, char)
TONG_ARRAY_FORMS(tong_w_, tong_wchar)

#undef TONG_ARRAY_FORMS

#endif
