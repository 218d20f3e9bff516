/* process_list.c - processes and threads from a snapshot, as programs on Windows list them (P-93 to P-97, P-100). */
#include <windows.h>

#include <psapi.h>
#include <tchar.h>
#include <tlhelp32.h>

#include "check.h"

#ifdef __cplusplus
#define IS(condition) static_assert(condition, #condition)
#else
#define IS(condition) _Static_assert(condition, #condition)
#endif

IS(sizeof(PROCESSENTRY32W) == 568 && offsetof(PROCESSENTRY32W, szExeFile) == 44);
IS(sizeof(THREADENTRY32) == 28 && offsetof(THREADENTRY32, th32OwnerProcessID) == 12);
#ifndef UNICODE
IS(sizeof(PROCESSENTRY32) == 304 && offsetof(PROCESSENTRY32, th32DefaultHeapID) == 16);
IS(offsetof(PROCESSENTRY32, th32ParentProcessID) == 32 && offsetof(PROCESSENTRY32, szExeFile) == 44);
#endif
IS(sizeof(SYSTEM_INFO) == 48 && offsetof(SYSTEM_INFO, dwNumberOfProcessors) == 32);
IS(sizeof(SYSTEMTIME) == 16 && offsetof(SYSTEMTIME, wMilliseconds) == 14);

/* The file name of this program. */
static LPCTSTR own_name(void)
{
    static TCHAR path[512];
    LPCTSTR slash;

    GetModuleFileName(NULL, path, _countof(path));
    slash = _tcsrchr(path, _T('/'));
    return slash ? slash + 1 : path;
}

static void this_process_is_listed(void)
{
    PROCESSENTRY32 entry;
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPALL, 0);
    int pass, found = 0, count[2] = {0};

    CHECK(snapshot != INVALID_HANDLE_VALUE);
    entry.dwSize = sizeof(entry) - 1;
    CHECK(!Process32First(snapshot, &entry) && GetLastError() == ERROR_BAD_LENGTH);
    entry.dwSize = sizeof(entry);
    for (pass = 0; pass < 2; pass++) {
        if (!Process32First(snapshot, &entry))
            break;
        do {
            count[pass]++;
            if (entry.th32ProcessID == GetCurrentProcessId())
                found += _tcscmp(entry.szExeFile, own_name()) == 0 && entry.cntThreads > 0;
        } while (Process32Next(snapshot, &entry));
        CHECK(GetLastError() == ERROR_NO_MORE_FILES);
    }
    CHECK(found == 2 && count[0] == count[1] && count[0] > 2);
    CHECK(CloseHandle(snapshot));
    CHECK(!Process32First(snapshot, &entry) && GetLastError() == ERROR_INVALID_HANDLE);
}

static void own_thread_is_listed(void)
{
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry;
    int found = 0;
    BOOL more;

    entry.dwSize = sizeof(entry);
    for (more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry))
        if (entry.th32OwnerProcessID == GetCurrentProcessId())
            found += entry.th32ThreadID == GetCurrentThreadId();
    CHECK(GetLastError() == ERROR_NO_MORE_FILES && found == 1);
    CHECK(CloseHandle(snapshot));
}

static void ids_are_listed(void)
{
    static DWORD ids[65536];
    DWORD needed, i, found = 0;

    CHECK(EnumProcesses(ids, sizeof(ids), &needed) && needed < sizeof(ids));
    for (i = 0; i < needed / sizeof(DWORD); i++)
        found += ids[i] == GetCurrentProcessId();
    CHECK(found == 1);
    CHECK(EnumProcesses(ids, sizeof(DWORD), &needed) && needed == sizeof(DWORD));
}

int main(void)
{
    this_process_is_listed();
    own_thread_is_listed();
    ids_are_listed();
    return checked();
}
