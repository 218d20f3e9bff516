/* processthreadsapi.h - who the caller is. */
#ifndef TONG_PROCESSTHREADSAPI_H
#define TONG_PROCESSTHREADSAPI_H

#include <minwinbase.h>

TONG_BEGIN_DECLS

WINBASEAPI HANDLE WINAPI GetCurrentProcess(VOID);
WINBASEAPI DWORD WINAPI GetCurrentProcessId(VOID);
WINBASEAPI DWORD WINAPI GetCurrentThreadId(VOID);

TONG_END_DECLS

#endif
