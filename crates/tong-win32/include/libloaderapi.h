/* libloaderapi.h - the file of the program. */
#ifndef TONG_LIBLOADERAPI_H
#define TONG_LIBLOADERAPI_H

#include <windef.h>

TONG_BEGIN_DECLS

/* The only module is the program: hModule must be NULL. */
WINBASEAPI DWORD WINAPI GetModuleFileNameA(HMODULE hModule, LPSTR lpFilename, DWORD nSize);
WINBASEAPI DWORD WINAPI GetModuleFileNameW(HMODULE hModule, LPWSTR lpFilename, DWORD nSize);

TONG_END_DECLS

#ifdef UNICODE
#define GetModuleFileName GetModuleFileNameW
#else
#define GetModuleFileName GetModuleFileNameA
#endif

#endif
