/* fibersapi.h - slots of which each thread has its own, with a function that is called for what is left in them. */
#ifndef TONG_FIBERSAPI_H
#define TONG_FIBERSAPI_H

#include <minwinbase.h>

#define FLS_OUT_OF_INDEXES ((DWORD)0xFFFFFFFF)

TONG_BEGIN_DECLS

/* The callback runs at the end of each thread whose slot is not NULL, and for all of them when the slot is freed. */
WINBASEAPI DWORD WINAPI FlsAlloc(PFLS_CALLBACK_FUNCTION lpCallback);
WINBASEAPI BOOL WINAPI FlsFree(DWORD dwFlsIndex);
WINBASEAPI PVOID WINAPI FlsGetValue(DWORD dwFlsIndex);
WINBASEAPI BOOL WINAPI FlsSetValue(DWORD dwFlsIndex, PVOID lpFlsData);

TONG_END_DECLS

#endif
