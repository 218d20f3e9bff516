/* consoleapi.h - writing to a terminal. */
#ifndef TONG_CONSOLEAPI_H
#define TONG_CONSOLEAPI_H

#include <windef.h>

TONG_BEGIN_DECLS

/* Only to a terminal: a handle that leads to a file or a pipe is ERROR_INVALID_HANDLE, and WriteFile is for those. */
WINBASEAPI BOOL WINAPI WriteConsoleA(HANDLE hConsoleOutput, const VOID *lpBuffer, DWORD nNumberOfCharsToWrite,
                                     LPDWORD lpNumberOfCharsWritten, LPVOID lpReserved);
WINBASEAPI BOOL WINAPI WriteConsoleW(HANDLE hConsoleOutput, const VOID *lpBuffer, DWORD nNumberOfCharsToWrite,
                                     LPDWORD lpNumberOfCharsWritten, LPVOID lpReserved);

TONG_END_DECLS

#ifdef UNICODE
#define WriteConsole WriteConsoleW
#else
#define WriteConsole WriteConsoleA
#endif

#endif
