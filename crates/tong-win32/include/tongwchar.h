/* tongwchar.h - the standard wide functions for programs compiled with -fshort-wchar.
 *
 * The C library of Linux counts 32-bit characters whatever the compiler was told, so its functions would
 * read past every 16-bit string. Each that has a counterpart here is replaced by it; std::wcslen and the
 * like no longer compile. The standard headers come first, because those of C++ undefine such macros or use
 * the functions. wmemcpy and its kin, and std::wstring, stay the C library's and must not be used.
 */
#ifndef TONG_WCHAR_H
#define TONG_WCHAR_H

#ifdef __cplusplus
#include <cwchar>
#include <cwctype>
#include <string>
#else
#include <wchar.h>
#include <wctype.h>
#endif

#undef WEOF
#define WEOF TONG_WEOF

#define wcslen tong_w_strlen
#define wcsnlen tong_w_strnlen
#define wcscmp tong_w_strcmp
#define wcsncmp tong_w_strncmp
#define wcscasecmp tong_w_stricmp
#define wcscpy tong_w_strcpy
#define wcsncpy tong_w_strncpy
#define wcscat tong_w_strcat
#define wcsncat tong_w_strncat
#define wcschr tong_w_strchr
#define wcsrchr tong_w_strrchr
#define wcsstr tong_w_strstr
#define wcspbrk tong_w_strpbrk
#define wcsspn tong_w_strspn
#define wcscspn tong_w_strcspn
#define wcstok tong_w_strtok_s
#define wcsdup tong_w_strdup
#define wcstol tong_w_strtol
#define wcstoul tong_w_strtoul
#define wcstoll tong_w_strtoi64
#define wcstoull tong_w_strtoui64
#define wcstod tong_w_strtod

#define wprintf tong_w_printf
#define vwprintf tong_w_vprintf
#define fwprintf tong_w_fprintf
#define vfwprintf tong_w_vfprintf
#define swprintf tong_w_sprintf_s
#define vswprintf tong_w_vsprintf_s
#define fputws tong_w_fputs
#define fgetws tong_w_fgets
#define fputwc tong_w_fputc
#define putwc tong_w_fputc
#define putwchar tong_w_putchar
#define fgetwc tong_w_fgetc
#define getwc tong_w_fgetc
#define getwchar tong_w_getchar
#define ungetwc tong_w_ungetc

#define iswalnum tong_w_isalnum
#define iswalpha tong_w_isalpha
#define iswcntrl tong_w_iscntrl
#define iswdigit tong_w_isdigit
#define iswgraph tong_w_isgraph
#define iswlower tong_w_islower
#define iswprint tong_w_isprint
#define iswpunct tong_w_ispunct
#define iswspace tong_w_isspace
#define iswupper tong_w_isupper
#define iswxdigit tong_w_isxdigit
#define towlower tong_w_tolower
#define towupper tong_w_toupper

#endif
