/* shellapi.h - splitting command lines. */
#ifndef TONG_SHELLAPI_H
#define TONG_SHELLAPI_H

#include <windef.h>

TONG_BEGIN_DECLS

/* One piece of memory, to be freed with LocalFree. */
WINBASEAPI LPWSTR *WINAPI CommandLineToArgvW(LPCWSTR lpCmdLine, int *pNumArgs);

TONG_END_DECLS

#endif
