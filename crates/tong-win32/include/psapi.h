/* psapi.h - the ids of all processes. */
#ifndef TONG_PSAPI_H
#define TONG_PSAPI_H

#include <windef.h>

#define EnumProcesses K32EnumProcesses

TONG_BEGIN_DECLS

/* If the array was filled to its end there may be more: try again with a larger one. */
WINBASEAPI BOOL WINAPI EnumProcesses(DWORD *lpidProcess, DWORD cb, LPDWORD lpcbNeeded);

TONG_END_DECLS

#endif
