/* tongtext.h - the run-time functions that exist for char and for 16-bit characters alike.
 *
 * tongcrt.h includes this file once per width, with TONG_CH as the character and TONG_FN(name) as the
 * exported name; hence no include guard. Programs use the usual names (sprintf_s, _itow, _tcsicmp), which
 * tongcrt.h and tchar.h map to these.
 *
 * Formats mean what they mean on Windows: %s and %c are of the function's own width, %S and %C of the
 * other; h makes a string narrow, l and w make it wide; %ld and %lu are 32 bits, I64 and ll 64, I is as wide
 * as a pointer; %p is 16 hexadecimal digits. %n and unknown conversions fail with EINVAL. A length or a
 * result counts characters of the function's own width; a negative result is a failure.
 */

/* Output. Wide text goes out as UTF-8, each call in one piece. */
TONG_API int TONG_FN(printf)(const TONG_CH *format, ...);
TONG_API int TONG_FN(vprintf)(const TONG_CH *format, va_list arguments);
TONG_API int TONG_FN(fprintf)(FILE *file, const TONG_CH *format, ...);
TONG_API int TONG_FN(vfprintf)(FILE *file, const TONG_CH *format, va_list arguments);

/* Into memory of unstated size. */
TONG_API int TONG_FN(sprintf)(TONG_CH *to, const TONG_CH *format, ...);
TONG_API int TONG_FN(vsprintf)(TONG_CH *to, const TONG_CH *format, va_list arguments);

/* At most `count` characters; the result ends in 0 only if there is room, and -1 says that it was cut. */
TONG_API int TONG_FN(snprintf)(TONG_CH *to, size_t count, const TONG_CH *format, ...);
TONG_API int TONG_FN(vsnprintf)(TONG_CH *to, size_t count, const TONG_CH *format, va_list arguments);

/* Into `size` characters, the final 0 included; what does not fit leaves an empty string and gives -1. */
TONG_API int TONG_FN(sprintf_s)(TONG_CH *to, size_t size, const TONG_CH *format, ...);
TONG_API int TONG_FN(vsprintf_s)(TONG_CH *to, size_t size, const TONG_CH *format, va_list arguments);

/* The same, but what exceeds `count` (or the room, with _TRUNCATE) is cut, ended by 0, and gives -1. */
TONG_API int TONG_FN(snprintf_s)(TONG_CH *to, size_t size, size_t count, const TONG_CH *format, ...);
TONG_API int TONG_FN(vsnprintf_s)(TONG_CH *to, size_t size, size_t count, const TONG_CH *format,
                                  va_list arguments);

/* Only the length. */
TONG_API int TONG_FN(scprintf)(const TONG_CH *format, ...);
TONG_API int TONG_FN(vscprintf)(const TONG_CH *format, va_list arguments);

/* Reads a line without its end; an empty string and NULL if it does not fit or nothing is left. */
TONG_API TONG_CH *TONG_FN(gets_s)(TONG_CH *to, size_t size);
TONG_API errno_t TONG_FN(fopen_s)(FILE **file, const TONG_CH *name, const TONG_CH *mode);

/* Copying with a bound: 0, or EINVAL, or ERANGE with an empty string, or STRUNCATE. */
TONG_API errno_t TONG_FN(strcpy_s)(TONG_CH *to, size_t size, const TONG_CH *from);
TONG_API errno_t TONG_FN(strcat_s)(TONG_CH *to, size_t size, const TONG_CH *from);
TONG_API errno_t TONG_FN(strncpy_s)(TONG_CH *to, size_t size, const TONG_CH *from, size_t count);
TONG_API errno_t TONG_FN(strncat_s)(TONG_CH *to, size_t size, const TONG_CH *from, size_t count);
TONG_API TONG_CH *TONG_FN(strtok_s)(TONG_CH *text, const TONG_CH *separators, TONG_CH **context);

/* Case: only A-Z and a-z have one. */
TONG_API int TONG_FN(stricmp)(const TONG_CH *first, const TONG_CH *second);
TONG_API int TONG_FN(strnicmp)(const TONG_CH *first, const TONG_CH *second, size_t count);
TONG_API TONG_CH *TONG_FN(strlwr)(TONG_CH *text);
TONG_API TONG_CH *TONG_FN(strupr)(TONG_CH *text);

TONG_API TONG_CH *TONG_FN(strdup)(const TONG_CH *text);
TONG_API TONG_CH *TONG_FN(strrev)(TONG_CH *text);

/* Numbers in any radix from 2 to 36. Those without _s trust the caller's memory. */
TONG_API TONG_CH *TONG_FN(itoa)(int value, TONG_CH *to, int radix);
TONG_API TONG_CH *TONG_FN(ultoa)(unsigned int value, TONG_CH *to, int radix);
TONG_API TONG_CH *TONG_FN(i64toa)(long long value, TONG_CH *to, int radix);
TONG_API TONG_CH *TONG_FN(ui64toa)(unsigned long long value, TONG_CH *to, int radix);
TONG_API errno_t TONG_FN(itoa_s)(int value, TONG_CH *to, size_t size, int radix);
TONG_API errno_t TONG_FN(ultoa_s)(unsigned int value, TONG_CH *to, size_t size, int radix);
TONG_API errno_t TONG_FN(i64toa_s)(long long value, TONG_CH *to, size_t size, int radix);
TONG_API errno_t TONG_FN(ui64toa_s)(unsigned long long value, TONG_CH *to, size_t size, int radix);
