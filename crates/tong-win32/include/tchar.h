/* tchar.h - one name for the narrow and the wide form of everything about text; _UNICODE chooses the wide one.
 *
 * Wide text is UTF-16 in memory and UTF-8 in files and on the terminal. The formats of the printf family
 * are Windows' in both forms (tongtext.h). `_tmain` is main, or tongmain.h's wide main.
 */
#ifndef TONG_TCHAR_H
#define TONG_TCHAR_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tongcrt.h>

#ifdef _UNICODE

typedef tong_wchar _TCHAR;
typedef tong_wchar _TSCHAR, _TUCHAR, _TXCHAR;
typedef tong_wint _TINT;
#define __T(quoted) TONG_WIDE_(quoted)
#define _TEOF TONG_WEOF
#define _tmain(...) TONG_WIDE_MAIN(__VA_ARGS__)

#define _tprintf tong_w_printf
#define _ftprintf tong_w_fprintf
#define _stprintf tong_w_sprintf
#define _sntprintf tong_w_snprintf
#define _stprintf_s tong_w_sprintf_s
#define _sntprintf_s tong_w_snprintf_s
#define _sctprintf tong_w_scprintf
#define _vtprintf tong_w_vprintf
#define _vftprintf tong_w_vfprintf
#define _vstprintf tong_w_vsprintf
#define _vsntprintf tong_w_vsnprintf
#define _vstprintf_s tong_w_vsprintf_s
#define _vsntprintf_s tong_w_vsnprintf_s
#define _vsctprintf tong_w_vscprintf
#define _tprintf_s tong_w_printf
#define _ftprintf_s tong_w_fprintf
#define _vtprintf_s tong_w_vprintf
#define _vftprintf_s tong_w_vfprintf
#define _getts_s tong_w_gets_s
#define _tfopen_s tong_w_fopen_s
#define _tcscpy_s tong_w_strcpy_s
#define _tcscat_s tong_w_strcat_s
#define _tcsncpy_s tong_w_strncpy_s
#define _tcsncat_s tong_w_strncat_s
#define _tcstok_s tong_w_strtok_s
#define _tcsicmp tong_w_stricmp
#define _tcsnicmp tong_w_strnicmp
#define _tcsncicmp tong_w_strnicmp
#define _tcslwr tong_w_strlwr
#define _tcsupr tong_w_strupr
#define _tcsdup tong_w_strdup
#define _tcsrev tong_w_strrev
#define _itot tong_w_itoa
#define _ltot tong_w_itoa
#define _ultot tong_w_ultoa
#define _i64tot tong_w_i64toa
#define _ui64tot tong_w_ui64toa
#define _itot_s tong_w_itoa_s
#define _ltot_s tong_w_itoa_s
#define _ultot_s tong_w_ultoa_s
#define _i64tot_s tong_w_i64toa_s
#define _ui64tot_s tong_w_ui64toa_s

#define _tcslen tong_w_strlen
#define _tcsclen tong_w_strlen
#define _tcscmp tong_w_strcmp
#define _tcsncmp tong_w_strncmp
#define _tcsnccmp tong_w_strncmp
#define _tcscpy tong_w_strcpy
#define _tcsncpy tong_w_strncpy
#define _tcsnccpy tong_w_strncpy
#define _tcscat tong_w_strcat
#define _tcsncat tong_w_strncat
#define _tcsnccat tong_w_strncat
#define _tcschr tong_w_strchr
#define _tcsrchr tong_w_strrchr
#define _tcsstr tong_w_strstr
#define _tcspbrk tong_w_strpbrk
#define _tcsspn tong_w_strspn
#define _tcscspn tong_w_strcspn
#define _tcstok tong_w_strtok
#define _tcstol tong_w_strtol
#define _tcstoul tong_w_strtoul
#define _tcstod tong_w_strtod
#define _tstoi tong_w_atoi
#define _tstol tong_w_atol
#define _tstof tong_w_atof
#define _ttoi tong_w_atoi
#define _ttol tong_w_atol
#define _ttof tong_w_atof
#define _fputts tong_w_fputs
#define _putts tong_w_puts
#define _fgetts tong_w_fgets
#define _fputtc tong_w_fputc
#define _puttc tong_w_fputc
#define _puttchar tong_w_putchar
#define _fgettc tong_w_fgetc
#define _gettc tong_w_fgetc
#define _gettchar tong_w_getchar
#define _ungettc tong_w_ungetc
#define _tfopen tong_w_fopen
#define _tremove tong_w_remove
#define _trename tong_w_rename
#define _tperror tong_w_perror
#define _tsystem tong_w_system
#define _tgetenv tong_w_getenv
#define _tputenv tong_w_putenv
#define _tputenv_s tong_w_putenv_s
#define _tsetlocale tong_w_setlocale
#define _tcsnlen tong_w_strnlen
#define _ttoi64 tong_w_atoi64
#define _tstoi64 tong_w_atoi64
#define _tcstoi64 tong_w_strtoi64
#define _tcstoui64 tong_w_strtoui64

#define _istalnum tong_w_isalnum
#define _istalpha tong_w_isalpha
#define _istcntrl tong_w_iscntrl
#define _istdigit tong_w_isdigit
#define _istgraph tong_w_isgraph
#define _istlower tong_w_islower
#define _istprint tong_w_isprint
#define _istpunct tong_w_ispunct
#define _istspace tong_w_isspace
#define _istupper tong_w_isupper
#define _istxdigit tong_w_isxdigit
#define _totlower tong_w_tolower
#define _totupper tong_w_toupper

#else

typedef char _TCHAR;
typedef signed char _TSCHAR;
typedef unsigned char _TUCHAR;
typedef char _TXCHAR;
typedef int _TINT;
#define __T(quoted) quoted
#define _TEOF EOF
#define _tmain main

#define _tprintf tong_a_printf
#define _ftprintf tong_a_fprintf
#define _stprintf tong_a_sprintf
#define _sntprintf tong_a_snprintf
#define _stprintf_s tong_a_sprintf_s
#define _sntprintf_s tong_a_snprintf_s
#define _sctprintf tong_a_scprintf
#define _vtprintf tong_a_vprintf
#define _vftprintf tong_a_vfprintf
#define _vstprintf tong_a_vsprintf
#define _vsntprintf tong_a_vsnprintf
#define _vstprintf_s tong_a_vsprintf_s
#define _vsntprintf_s tong_a_vsnprintf_s
#define _vsctprintf tong_a_vscprintf
#define _tprintf_s tong_a_printf
#define _ftprintf_s tong_a_fprintf
#define _vtprintf_s tong_a_vprintf
#define _vftprintf_s tong_a_vfprintf
#define _getts_s tong_a_gets_s
#define _tfopen_s tong_a_fopen_s
#define _tcscpy_s tong_a_strcpy_s
#define _tcscat_s tong_a_strcat_s
#define _tcsncpy_s tong_a_strncpy_s
#define _tcsncat_s tong_a_strncat_s
#define _tcstok_s tong_a_strtok_s
#define _tcsicmp tong_a_stricmp
#define _tcsnicmp tong_a_strnicmp
#define _tcsncicmp tong_a_strnicmp
#define _tcslwr tong_a_strlwr
#define _tcsupr tong_a_strupr
#define _tcsdup tong_a_strdup
#define _tcsrev tong_a_strrev
#define _itot tong_a_itoa
#define _ltot tong_a_itoa
#define _ultot tong_a_ultoa
#define _i64tot tong_a_i64toa
#define _ui64tot tong_a_ui64toa
#define _itot_s tong_a_itoa_s
#define _ltot_s tong_a_itoa_s
#define _ultot_s tong_a_ultoa_s
#define _i64tot_s tong_a_i64toa_s
#define _ui64tot_s tong_a_ui64toa_s

#define _tcslen strlen
#define _tcsclen strlen
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsnccmp strncmp
#define _tcscpy strcpy
#define _tcsncpy strncpy
#define _tcsnccpy strncpy
#define _tcscat strcat
#define _tcsncat strncat
#define _tcsnccat strncat
#define _tcschr strchr
#define _tcsrchr strrchr
#define _tcsstr strstr
#define _tcspbrk strpbrk
#define _tcsspn strspn
#define _tcscspn strcspn
#define _tcstok strtok
#define _tcstol strtol
#define _tcstoul strtoul
#define _tcstod strtod
#define _tstoi atoi
#define _tstol atol
#define _tstof atof
#define _ttoi atoi
#define _ttol atol
#define _ttof atof
#define _fputts fputs
#define _putts puts
#define _fgetts fgets
#define _fputtc fputc
#define _puttc fputc
#define _puttchar putchar
#define _fgettc fgetc
#define _gettc fgetc
#define _gettchar getchar
#define _ungettc ungetc
#define _tfopen fopen
#define _tremove remove
#define _trename rename
#define _tperror perror
#define _tsystem system
#define _tgetenv getenv
#define _tputenv tong_a_putenv
#define _tputenv_s tong_a_putenv_s
#define _tsetlocale setlocale
#define _tcsnlen strnlen
#define _ttoi64 atoll
#define _tstoi64 atoll
#define _tcstoi64 strtoll
#define _tcstoui64 strtoull

#define _istalnum(c) isalnum((unsigned char)(c))
#define _istalpha(c) isalpha((unsigned char)(c))
#define _istcntrl(c) iscntrl((unsigned char)(c))
#define _istdigit(c) isdigit((unsigned char)(c))
#define _istgraph(c) isgraph((unsigned char)(c))
#define _istlower(c) islower((unsigned char)(c))
#define _istprint(c) isprint((unsigned char)(c))
#define _istpunct(c) ispunct((unsigned char)(c))
#define _istspace(c) isspace((unsigned char)(c))
#define _istupper(c) isupper((unsigned char)(c))
#define _istxdigit(c) isxdigit((unsigned char)(c))
#define _totlower(c) tolower((unsigned char)(c))
#define _totupper(c) toupper((unsigned char)(c))

#endif

#define _T(quoted) __T(quoted)
#define _TEXT(quoted) __T(quoted)

#ifndef _TCHAR_DEFINED
#define _TCHAR_DEFINED
typedef _TCHAR TCHAR, *PTCHAR;
#ifdef _UNICODE
typedef _TCHAR TBYTE, *PTBYTE;
#else
typedef unsigned char TBYTE, *PTBYTE;
#endif
#endif

#define _istascii(c) ((unsigned int)(c) < 0x80)

#endif
