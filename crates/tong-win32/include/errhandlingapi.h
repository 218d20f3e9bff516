/* errhandlingapi.h - the last error, one value per thread. */
#ifndef TONG_ERRHANDLINGAPI_H
#define TONG_ERRHANDLINGAPI_H

#include <windef.h>

TONG_BEGIN_DECLS

WINBASEAPI DWORD WINAPI GetLastError(VOID);
WINBASEAPI VOID WINAPI SetLastError(DWORD dwErrCode);

TONG_END_DECLS

#endif
