/* profileapi.h - a clock for measuring. */
#ifndef TONG_PROFILEAPI_H
#define TONG_PROFILEAPI_H

#include <minwindef.h>
#include <winnt.h>

TONG_BEGIN_DECLS

WINBASEAPI BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *lpPerformanceCount);
WINBASEAPI BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *lpFrequency);

TONG_END_DECLS

#endif
