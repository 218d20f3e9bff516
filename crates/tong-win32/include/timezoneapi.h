/* timezoneapi.h - between dates and counts of time. */
#ifndef TONG_TIMEZONEAPI_H
#define TONG_TIMEZONEAPI_H

#include <minwinbase.h>

TONG_BEGIN_DECLS

WINBASEAPI BOOL WINAPI FileTimeToSystemTime(const FILETIME *lpFileTime, LPSYSTEMTIME lpSystemTime);
WINBASEAPI BOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME *lpSystemTime, LPFILETIME lpFileTime);

TONG_END_DECLS

#endif
