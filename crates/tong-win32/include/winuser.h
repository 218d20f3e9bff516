/* winuser.h - of the window system only the formatting functions, which programs without windows use too.
 *
 * Both write at most 1024 characters, the end included, as on Windows.
 */
#ifndef TONG_WINUSER_H
#define TONG_WINUSER_H

#include <windef.h>

TONG_BEGIN_DECLS

WINUSERAPI int WINAPIV wsprintfA(LPSTR lpOut, LPCSTR lpFormat, ...);
WINUSERAPI int WINAPIV wsprintfW(LPWSTR lpOut, LPCWSTR lpFormat, ...);
WINUSERAPI int WINAPI wvsprintfA(LPSTR lpOut, LPCSTR lpFormat, va_list arguments);
WINUSERAPI int WINAPI wvsprintfW(LPWSTR lpOut, LPCWSTR lpFormat, va_list arguments);

TONG_END_DECLS

#ifdef UNICODE
#define wsprintf wsprintfW
#define wvsprintf wvsprintfW
#else
#define wsprintf wsprintfA
#define wvsprintf wvsprintfA
#endif

#endif
