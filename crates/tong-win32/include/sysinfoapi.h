/* sysinfoapi.h - milliseconds since the machine started. */
#ifndef TONG_SYSINFOAPI_H
#define TONG_SYSINFOAPI_H

#include <minwinbase.h>

TONG_BEGIN_DECLS

WINBASEAPI DWORD WINAPI GetTickCount(VOID);
WINBASEAPI ULONGLONG WINAPI GetTickCount64(VOID);

TONG_END_DECLS

#endif
