/* synchapi.h - waiting. */
#ifndef TONG_SYNCHAPI_H
#define TONG_SYNCHAPI_H

#include <minwinbase.h>

TONG_BEGIN_DECLS

WINBASEAPI VOID WINAPI Sleep(DWORD dwMilliseconds);

TONG_END_DECLS

#endif
