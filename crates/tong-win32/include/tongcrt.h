/* tongcrt.h - what Microsoft's C run-time has and the C library of Linux has not.
 *
 * Reached through windows.h or tchar.h. The functions are exported as tong_a_* (char) and tong_w_* (16 bits);
 * the macros below give them their usual names. Names that the C library has too (printf, strlen) are
 * left to it; with -fshort-wchar its wide functions, which count 32-bit characters, are replaced by ours.
 */
#ifndef TONG_CRT_H
#define TONG_CRT_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tongdef.h>

#ifndef _ERRNO_T_DEFINED
#define _ERRNO_T_DEFINED
typedef int errno_t;
#endif
#ifndef _RSIZE_T_DEFINED
#define _RSIZE_T_DEFINED
typedef size_t rsize_t;
#endif

#define _TRUNCATE ((size_t)-1)
#define STRUNCATE 80
#define _MAX_PATH 260

/* A wide character or the end of a file. The end is 0xFFFF, as on Windows, so that it survives in a WCHAR. */
typedef unsigned int tong_wint;
#define TONG_WEOF ((tong_wint)0xFFFF)

TONG_BEGIN_DECLS

#define TONG_CH char
#define TONG_FN(name) tong_a_##name
#include <tongtext.h>
#undef TONG_CH
#undef TONG_FN

#define TONG_CH tong_wchar
#define TONG_FN(name) tong_w_##name
#include <tongtext.h>
#undef TONG_CH
#undef TONG_FN

TONG_API size_t tong_w_strlen(const tong_wchar *text);
TONG_API size_t tong_w_strnlen(const tong_wchar *text, size_t count);
TONG_API int tong_w_strcmp(const tong_wchar *first, const tong_wchar *second);
TONG_API int tong_w_strncmp(const tong_wchar *first, const tong_wchar *second, size_t count);
TONG_API tong_wchar *tong_w_strcpy(tong_wchar *to, const tong_wchar *from);
TONG_API tong_wchar *tong_w_strncpy(tong_wchar *to, const tong_wchar *from, size_t count);
TONG_API tong_wchar *tong_w_strcat(tong_wchar *to, const tong_wchar *from);
TONG_API tong_wchar *tong_w_strncat(tong_wchar *to, const tong_wchar *from, size_t count);
TONG_API tong_wchar *tong_w_strchr(const tong_wchar *text, tong_wchar wanted);
TONG_API tong_wchar *tong_w_strrchr(const tong_wchar *text, tong_wchar wanted);
TONG_API tong_wchar *tong_w_strstr(const tong_wchar *text, const tong_wchar *wanted);
TONG_API tong_wchar *tong_w_strpbrk(const tong_wchar *text, const tong_wchar *wanted);
TONG_API size_t tong_w_strspn(const tong_wchar *text, const tong_wchar *set);
TONG_API size_t tong_w_strcspn(const tong_wchar *text, const tong_wchar *set);
TONG_API tong_wchar *tong_w_strtok(tong_wchar *text, const tong_wchar *separators);

TONG_API int tong_w_atoi(const tong_wchar *text);
TONG_API long tong_w_atol(const tong_wchar *text);
TONG_API long long tong_w_atoi64(const tong_wchar *text);
TONG_API double tong_w_atof(const tong_wchar *text);
TONG_API long tong_w_strtol(const tong_wchar *text, tong_wchar **end, int radix);
TONG_API unsigned long tong_w_strtoul(const tong_wchar *text, tong_wchar **end, int radix);
TONG_API long long tong_w_strtoi64(const tong_wchar *text, tong_wchar **end, int radix);
TONG_API unsigned long long tong_w_strtoui64(const tong_wchar *text, tong_wchar **end, int radix);
TONG_API double tong_w_strtod(const tong_wchar *text, tong_wchar **end);

/* Files hold UTF-8. A line is cut only between characters, and what is cut off stays in the file. */
TONG_API int tong_w_fputs(const tong_wchar *text, FILE *file);
TONG_API int tong_w_puts(const tong_wchar *text);
TONG_API tong_wint tong_w_fputc(tong_wchar unit, FILE *file);
TONG_API tong_wint tong_w_putchar(tong_wchar unit);
TONG_API tong_wchar *tong_w_fgets(tong_wchar *to, int size, FILE *file);
TONG_API tong_wint tong_w_fgetc(FILE *file);
TONG_API tong_wint tong_w_getchar(void);
TONG_API tong_wint tong_w_ungetc(tong_wint unit, FILE *file);
TONG_API FILE *tong_w_fopen(const tong_wchar *name, const tong_wchar *mode);
TONG_API int tong_w_remove(const tong_wchar *name);
TONG_API int tong_w_rename(const tong_wchar *from, const tong_wchar *to);
TONG_API void tong_w_perror(const tong_wchar *text);
TONG_API int tong_w_system(const tong_wchar *command);
/* As SetEnvironmentVariable, but an empty value removes the variable. */
TONG_API int tong_a_putenv(const char *entry);
TONG_API errno_t tong_a_putenv_s(const char *name, const char *value);
TONG_API int tong_w_putenv(const tong_wchar *entry);
TONG_API errno_t tong_w_putenv_s(const tong_wchar *name, const tong_wchar *value);
/* The result of these two stays valid until the thread's next call. */
TONG_API tong_wchar *tong_w_getenv(const tong_wchar *name);
TONG_API tong_wchar *tong_w_setlocale(int category, const tong_wchar *locale);

TONG_API int tong_w_isalnum(tong_wint unit);
TONG_API int tong_w_isalpha(tong_wint unit);
TONG_API int tong_w_iscntrl(tong_wint unit);
TONG_API int tong_w_isdigit(tong_wint unit);
TONG_API int tong_w_isgraph(tong_wint unit);
TONG_API int tong_w_islower(tong_wint unit);
TONG_API int tong_w_isprint(tong_wint unit);
TONG_API int tong_w_ispunct(tong_wint unit);
TONG_API int tong_w_isspace(tong_wint unit);
TONG_API int tong_w_isupper(tong_wint unit);
TONG_API int tong_w_isxdigit(tong_wint unit);
TONG_API tong_wint tong_w_tolower(tong_wint unit);
TONG_API tong_wint tong_w_toupper(tong_wint unit);

/* A block at a multiple of a power of two; NULL and errno if there is none. */
TONG_API void *tong_aligned_malloc(size_t size, size_t alignment);

TONG_END_DECLS

#define _aligned_malloc tong_aligned_malloc
#define _aligned_free free

#ifndef TONG_BUILDING

#define printf_s tong_a_printf
#define fprintf_s tong_a_fprintf
#define sprintf_s tong_a_sprintf_s
#define vsprintf_s tong_a_vsprintf_s
#define _snprintf tong_a_snprintf
#define _vsnprintf tong_a_vsnprintf
#define _snprintf_s tong_a_snprintf_s
#define _vsnprintf_s tong_a_vsnprintf_s
#define _scprintf tong_a_scprintf
#define _vscprintf tong_a_vscprintf
#define gets_s tong_a_gets_s
#define fopen_s tong_a_fopen_s
#define strcpy_s tong_a_strcpy_s
#define strcat_s tong_a_strcat_s
#define strncpy_s tong_a_strncpy_s
#define strncat_s tong_a_strncat_s
#define strtok_s tong_a_strtok_s
#define _stricmp tong_a_stricmp
#define _strcmpi tong_a_stricmp
#define _strnicmp tong_a_strnicmp
#define _strlwr tong_a_strlwr
#define _strupr tong_a_strupr
#define _strdup tong_a_strdup
#define _strrev tong_a_strrev
#define _itoa tong_a_itoa
#define _ltoa tong_a_itoa
#define _ultoa tong_a_ultoa
#define _i64toa tong_a_i64toa
#define _ui64toa tong_a_ui64toa
#define _itoa_s tong_a_itoa_s
#define _ltoa_s tong_a_itoa_s
#define _ultoa_s tong_a_ultoa_s
#define _i64toa_s tong_a_i64toa_s
#define _ui64toa_s tong_a_ui64toa_s
#define _atoi64 atoll
#define _strtoi64 strtoll
#define _strtoui64 strtoull

#define _snwprintf tong_w_snprintf
#define _vsnwprintf tong_w_vsnprintf
#define _snwprintf_s tong_w_snprintf_s
#define _vsnwprintf_s tong_w_vsnprintf_s
#define swprintf_s tong_w_sprintf_s
#define vswprintf_s tong_w_vsprintf_s
#define wprintf_s tong_w_printf
#define fwprintf_s tong_w_fprintf
#define _scwprintf tong_w_scprintf
#define _vscwprintf tong_w_vscprintf
#define _getws_s tong_w_gets_s
#define _putws tong_w_puts
#define _wfopen tong_w_fopen
#define _wfopen_s tong_w_fopen_s
#define _wremove tong_w_remove
#define _wrename tong_w_rename
#define _wperror tong_w_perror
#define _wsystem tong_w_system
#define _putenv tong_a_putenv
#define _putenv_s tong_a_putenv_s
#define _wputenv tong_w_putenv
#define _wputenv_s tong_w_putenv_s
#define _wgetenv tong_w_getenv
#define _wsetlocale tong_w_setlocale
#define wcscpy_s tong_w_strcpy_s
#define wcscat_s tong_w_strcat_s
#define wcsncpy_s tong_w_strncpy_s
#define wcsncat_s tong_w_strncat_s
#define wcstok_s tong_w_strtok_s
#define _wcsicmp tong_w_stricmp
#define _wcsnicmp tong_w_strnicmp
#define _wcslwr tong_w_strlwr
#define _wcsupr tong_w_strupr
#define _wcsdup tong_w_strdup
#define _wcsrev tong_w_strrev
#define _wtoi tong_w_atoi
#define _wtol tong_w_atol
#define _wtof tong_w_atof
#define _wtoi64 tong_w_atoi64
#define _wcstoi64 tong_w_strtoi64
#define _wcstoui64 tong_w_strtoui64
#define _itow tong_w_itoa
#define _ltow tong_w_itoa
#define _ultow tong_w_ultoa
#define _i64tow tong_w_i64toa
#define _ui64tow tong_w_ui64toa
#define _itow_s tong_w_itoa_s
#define _ltow_s tong_w_itoa_s
#define _ultow_s tong_w_ultoa_s
#define _i64tow_s tong_w_i64toa_s
#define _ui64tow_s tong_w_ui64toa_s

#endif

#include <tongmain.h>

#if __SIZEOF_WCHAR_T__ == 2
#include <tongwchar.h>
#endif

#ifdef __cplusplus
#include <tongcrt.hpp>
#endif

#ifndef _countof
#ifdef __cplusplus
#define _countof(array) sizeof(tong_count_of(array))
#else
#define _countof(array) (sizeof(array) / sizeof((array)[0]))
#endif
#endif

#endif
