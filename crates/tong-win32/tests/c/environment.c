/* environment.c - environment variables, the program's path and its directory, as programs on Windows use them
 * (P-108 to P-129).
 */
#include <windows.h>

#include <errno.h>
#include <stdlib.h>
#include <tchar.h>

#include "check.h"

#define LENGTH(text) ((DWORD)(sizeof(text) / sizeof(*(text)) - 1))

static TCHAR buffer[512];

static void variables_are_set_and_read(void)
{
    LPCTSTR name = _T("Tong_\uAC00"), value = _T("a=\uB098");

    CHECK(SetEnvironmentVariable(name, value) && _tgetenv(name) && _tcscmp(_tgetenv(name), value) == 0);
    CHECK(GetEnvironmentVariable(_T("TONG_\uAC00"), buffer, 512) == LENGTH(_T("a=\uB098")));
    CHECK(_tcscmp(buffer, value) == 0);
    CHECK(GetEnvironmentVariable(name, NULL, 0) == LENGTH(_T("a=\uB098")) + 1);
    CHECK(SetEnvironmentVariable(name, _T("")));
    SetLastError(0);
    CHECK(GetEnvironmentVariable(name, buffer, 512) == 0 && GetLastError() == 0 && buffer[0] == 0);
    CHECK(SetEnvironmentVariable(name, NULL) && SetEnvironmentVariable(name, NULL));
    CHECK(GetEnvironmentVariable(name, buffer, 512) == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND);
    CHECK(!SetEnvironmentVariable(_T("me=too"), value) && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(setenv("tong_libc", "1", 1) == 0 && GetEnvironmentVariable(_T("TONG_LIBC"), buffer, 512) == 1);
}

/* P-128 */
static void run_time_sets_the_same_variables(void)
{
    CHECK(_tputenv(_T("tong_\uAC00=a=\uB098")) == 0 && _tcscmp(_tgetenv(_T("tong_\uAC00")), _T("a=\uB098")) == 0);
    CHECK(GetEnvironmentVariable(_T("TONG_\uAC00"), buffer, 512) == LENGTH(_T("a=\uB098")));
    CHECK(_tputenv_s(_T("Tong_\uAC00"), _T("b")) == 0 && _tcscmp(_tgetenv(_T("tong_\uAC00")), _T("b")) == 0);
    CHECK(_tputenv(_T("tong_\uAC00=")) == 0 && !_tgetenv(_T("tong_\uAC00")));
    CHECK(_tputenv_s(_T("tong_\uAC00"), _T("")) == 0 && _tputenv_s(_T("me=too"), _T("x")) == EINVAL);
    CHECK(_tputenv(_T("no value")) == -1 && _tputenv(_T("")) == -1 && _tputenv(NULL) == -1 && errno == EINVAL);
    CHECK(_tputenv_s(NULL, _T("x")) == EINVAL && _tputenv_s(_T("x"), NULL) == EINVAL);
}

/* The number of variables. */
static int variables(void)
{
    LPTCH block = GetEnvironmentStrings();
    LPTSTR entry;
    int count = 0;

    for (entry = block; *entry; entry += _tcslen(entry) + 1)
        count++;
    CHECK(FreeEnvironmentStrings(block));
    return count;
}

static void blocks_are_copied_and_replaced(void)
{
    static TCHAR block[] = _T("one=1\0two=2=3\0"), bad[] = _T("one=1\0two\0");
    int before = variables();

    CHECK(before > 0 && !SetEnvironmentStrings(bad) && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(variables() == before);
    CHECK(SetEnvironmentStrings(block) && variables() == 2 && !getenv("PATH"));
    CHECK(GetEnvironmentVariable(_T("TWO"), buffer, 512) == 3 && _tcscmp(buffer, _T("2=3")) == 0);
}

static void references_are_expanded(void)
{
    CHECK(ExpandEnvironmentStrings(_T("<%ONE%%two%%three%>"), buffer, 512) == LENGTH(_T("<12=3%three%>")) + 1);
    CHECK(_tcscmp(buffer, _T("<12=3%three%>")) == 0);
    CHECK(ExpandEnvironmentStrings(_T("<%one%>"), buffer, 2) == 4 && buffer[0] == 0);
}

static void program_and_directory_are_known(void)
{
    DWORD length = GetModuleFileName(NULL, buffer, 512);

    CHECK(length > 1 && length < 512 && buffer[0] == _T('/') && _tcslen(buffer) == length);
    CHECK(GetModuleFileName(NULL, buffer, 2) == 2 && GetLastError() == ERROR_INSUFFICIENT_BUFFER);
    CHECK(SetCurrentDirectory(_T("\\")) && GetCurrentDirectory(512, buffer) == 1 && buffer[0] == _T('/'));
    CHECK(GetCurrentDirectory(0, NULL) == 2);
}

static void time_goes_on(void)
{
    LARGE_INTEGER frequency, start, end;
    SYSTEMTIME date;
    FILETIME now, then;
    SYSTEM_INFO info;

    CHECK(QueryPerformanceFrequency(&frequency) && QueryPerformanceCounter(&start));
    GetSystemTimeAsFileTime(&then);
    CHECK(FileTimeToSystemTime(&then, &date) && date.wYear > 2000 && SystemTimeToFileTime(&date, &now));
    CHECK(CompareFileTime(&now, &then) <= 0 && now.dwHighDateTime == then.dwHighDateTime);
    GetLocalTime(&date);
    CHECK(date.wMonth >= 1 && date.wMonth <= 12);
    CHECK(QueryPerformanceCounter(&end) && end.QuadPart >= start.QuadPart && frequency.QuadPart > 0);
    GetSystemInfo(&info);
    CHECK(info.dwNumberOfProcessors > 0 && info.dwPageSize >= 4096);
}

int main(void)
{
    variables_are_set_and_read();
    run_time_sets_the_same_variables();
    blocks_are_copied_and_replaced();
    references_are_expanded();
    program_and_directory_are_known();
    time_goes_on();
    return checked();
}
