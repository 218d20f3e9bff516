/* processes.c - makes processes of itself in many ways, and looks what becomes of them.
 *
 * P-16, P-17, P-39, P-42, P-45, P-47, P-51 to P-56, P-58 to P-60, P-62, P-68, P-71, P-72, P-79, P-80, P-83, P-86, P-91, H-37, H-38,
 * W-154.
 */
#include <windows.h>

#include <stdlib.h>
#include <tchar.h>

#include "check.h"

static TCHAR own[600];

/* ---- What the children do. ---- */

static int child_shows_startup(void)
{
    STARTUPINFO told;

    GetStartupInfo(&told);
    CHECK(told.cb == sizeof told && told.lpReserved == NULL && told.lpReserved2 == NULL);
    CHECK(told.dwX == 1 && told.dwY == 2 && told.dwXSize == 3 && told.dwYSize == 4);
    CHECK(told.dwXCountChars == 5 && told.dwYCountChars == 6 && told.dwFillAttribute == 7);
    CHECK(told.dwFlags == 0 && told.wShowWindow == 8);
    CHECK(_tcscmp(told.lpTitle, _T("title")) == 0 && _tcscmp(told.lpDesktop, _T("desk")) == 0);
    return checked();
}

static int child_without_console(void)
{
    STARTUPINFO told;

    GetStartupInfo(&told);
    CHECK(GetStdHandle(STD_INPUT_HANDLE) == NULL && GetStdHandle(STD_OUTPUT_HANDLE) == NULL);
    CHECK(told.hStdInput == INVALID_HANDLE_VALUE && told.hStdError == INVALID_HANDLE_VALUE);
    return checked();
}

/* Handles of its creator: one that it is to have, and one that it is not. */
static int child_has_handles(TCHAR *argv[])
{
    HANDLE listed = (HANDLE)(ULONG_PTR)_ttoi(argv[2]);
    HANDLE unlisted = (HANDLE)(ULONG_PTR)_ttoi(argv[3]);
    DWORD flags = 0;

    CHECK(GetHandleInformation(listed, &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(!GetHandleInformation(unlisted, &flags) && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(SetEvent(listed));
    return checked();
}

static int child_writes(TCHAR *argv[])
{
    DWORD written;

    CHECK(GetStdHandle(STD_OUTPUT_HANDLE) == (HANDLE)(ULONG_PTR)_ttoi(argv[2]));
    CHECK(WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "out", 3, &written, NULL) && written == 3);
    return checked();
}

/* Takes a mutex of its creator, says so, and waits to be ended. */
static int child_owns(TCHAR *argv[])
{
    HANDLE mutex = (HANDLE)(ULONG_PTR)_ttoi(argv[2]);
    HANDLE taken = (HANDLE)(ULONG_PTR)_ttoi(argv[3]);

    CHECK(WaitForSingleObject(mutex, 0) == WAIT_OBJECT_0 && SetEvent(taken));
    Sleep(INFINITE);
    return 1;
}

static int child(int argc, TCHAR *argv[])
{
    if (_tcscmp(argv[1], _T("code")) == 0)
        return _ttoi(argv[2]);
    if (_tcscmp(argv[1], _T("exit")) == 0)
        ExitProcess((UINT)_tcstoul(argv[2], NULL, 16));
    if (_tcscmp(argv[1], _T("line")) == 0)
        return !(argc == 4 && _tcscmp(argv[2], _T("a b")) == 0 && _tcscmp(argv[3], _T("\"c\\")) == 0 &&
                 _tcscmp(GetCommandLine(), _T("dummy line \"a b\"  \\\"c\\ ")) == 0 &&
                 GetCommandLine() == GetCommandLine() && _tcscmp(argv[0], _T("dummy")) == 0);
    if (_tcscmp(argv[1], _T("startup")) == 0)
        return child_shows_startup();
    if (_tcscmp(argv[1], _T("detached")) == 0)
        return child_without_console();
    if (_tcscmp(argv[1], _T("handles")) == 0)
        return child_has_handles(argv);
    if (_tcscmp(argv[1], _T("writes")) == 0)
        return child_writes(argv);
    if (_tcscmp(argv[1], _T("cannot_write")) == 0)
        return WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "out", 3, (LPDWORD)&argc, NULL);
    if (_tcscmp(argv[1], _T("owns")) == 0)
        return child_owns(argv);
    if (_tcscmp(argv[1], _T("sleep")) == 0)
        Sleep(INFINITE);
    return 99;
}

/* ---- What the parent checks. ---- */

static STARTUPINFO startup_of_size(void)
{
    STARTUPINFO startup;

    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    return startup;
}

static BOOL start(LPCTSTR arguments, BOOL inherit, DWORD flags, LPSTARTUPINFO startup, PROCESS_INFORMATION *made)
{
    TCHAR line[300];

    _stprintf_s(line, _countof(line), _T("dummy %s"), arguments);
    return CreateProcess(own, line, NULL, NULL, inherit, flags, NULL, NULL, startup, made);
}

/* Waits for the end of a process, closes its handles and returns its exit code. */
static DWORD end_of(PROCESS_INFORMATION *made)
{
    DWORD code = 0, thread_code = 1;

    CHECK(WaitForSingleObject(made->hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(WaitForSingleObject(made->hThread, 0) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(made->hProcess, &code));
    CHECK(GetExitCodeThread(made->hThread, &thread_code) && thread_code == code);
    CHECK(GetProcessId(made->hProcess) == made->dwProcessId);
    CHECK(CloseHandle(made->hThread) && CloseHandle(made->hProcess));
    return code;
}

static DWORD run(LPCTSTR arguments)
{
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made;

    CHECK(start(arguments, FALSE, 0, &startup, &made));
    return end_of(&made);
}

static void exit_codes_have_32_bits(void)
{
    CHECK(run(_T("code 5050")) == 5050);
    CHECK(run(_T("code -1")) == 4294967295u);
    CHECK(run(_T("code 259")) == 259);
    CHECK(run(_T("exit DEADBEEF")) == 0xDEADBEEF);
    CHECK(run(_T("line \"a b\"  \\\"c\\ ")) == 0);
}

static void suspended_process_starts_when_resumed(void)
{
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made;
    DWORD code = 0;

    CHECK(start(_T("code 7"), FALSE, CREATE_SUSPENDED, &startup, &made));
    CHECK(made.dwProcessId != 0 && made.dwThreadId != 0 && made.dwThreadId != made.dwProcessId);
    CHECK(WaitForSingleObject(made.hProcess, 30) == WAIT_TIMEOUT);
    CHECK(GetExitCodeProcess(made.hProcess, &code) && code == STILL_ACTIVE);
    CHECK(ResumeThread(made.hThread) == 1);
    CHECK(end_of(&made) == 7);
    CHECK(start(_T("code 7"), FALSE, CREATE_SUSPENDED, &startup, &made));
    CHECK(TerminateProcess(made.hProcess, 0xC0FFEE));
    CHECK(end_of(&made) == 0xC0FFEE);
}

static void settings_arrive(void)
{
    STARTUPINFO startup = startup_of_size(), before;
    PROCESS_INFORMATION made;
    TCHAR title[] = _T("title"), desktop[] = _T("desk");

    startup.lpTitle = title;
    startup.lpDesktop = desktop;
    startup.dwX = 1;
    startup.dwY = 2;
    startup.dwXSize = 3;
    startup.dwYSize = 4;
    startup.dwXCountChars = 5;
    startup.dwYCountChars = 6;
    startup.dwFillAttribute = 7;
    startup.wShowWindow = 8;
    before = startup;
    CHECK(start(_T("startup"), FALSE, 0, &startup, &made));
    CHECK(memcmp(&startup, &before, sizeof startup) == 0);
    CHECK(end_of(&made) == 0);
    startup = startup_of_size();
    CHECK(start(_T("detached"), TRUE, DETACHED_PROCESS, &startup, &made) && end_of(&made) == 0);
}

static void failure_leaves_nothing_behind(void)
{
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made, none;
    TCHAR line[] = _T("/nonexistent program");

    ZeroMemory(&none, sizeof none);
    memset(&made, 0x77, sizeof made);
    CHECK(!CreateProcess(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made));
    CHECK(GetLastError() == ERROR_FILE_NOT_FOUND && memcmp(&made, &none, sizeof made) == 0);
    memset(&made, 0x77, sizeof made);
    CHECK(!start(_T("code 0"), FALSE, DETACHED_PROCESS | CREATE_NEW_CONSOLE, &startup, &made));
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER && memcmp(&made, &none, sizeof made) == 0);
    CHECK(!CreateProcess(own, NULL, NULL, NULL, FALSE, 0, NULL, _T("/nonexistent"), &startup, &made));
    CHECK(GetLastError() == ERROR_DIRECTORY);
}

/* Programs that know nothing of handles write there, too. */
static void output_follows_set_std_handle(HANDLE file)
{
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made;
    HANDLE before = GetStdHandle(STD_OUTPUT_HANDLE);
    TCHAR line[] = _T("echo set");
    char text[10];
    DWORD count;

    CHECK(SetStdHandle(STD_OUTPUT_HANDLE, file) && GetStdHandle(STD_OUTPUT_HANDLE) == file);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    CHECK(CreateProcess(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made));
    CHECK(end_of(&made) == 0);
    CHECK(SetStdHandle(STD_OUTPUT_HANDLE, before));
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    CHECK(ReadFile(file, text, sizeof text, &count, NULL) && count == 4 && memcmp(text, "set\n", 4) == 0);
}

static void output_goes_where_it_is_told(void)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made;
    TCHAR name[100], arguments[100];
    char text[10];
    DWORD count;
    HANDLE file;

    _stprintf_s(name, _countof(name), _T("/tmp/tong-processes-%u"), (unsigned)GetCurrentProcessId());
    file = CreateFile(name, GENERIC_READ | GENERIC_WRITE, 0, &inheritable, CREATE_ALWAYS,
                      FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdOutput = file;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    _stprintf_s(arguments, _countof(arguments), _T("writes %u"), (unsigned)(ULONG_PTR)file);
    CHECK(start(arguments, TRUE, 0, &startup, &made) && end_of(&made) == 0);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    CHECK(ReadFile(file, text, sizeof text, &count, NULL) && count == 3 && memcmp(text, "out", 3) == 0);
    output_follows_set_std_handle(file);
    CHECK(CloseHandle(file));
}

static LPPROC_THREAD_ATTRIBUTE_LIST attribute_list(DWORD count)
{
    SIZE_T size = 0;
    LPPROC_THREAD_ATTRIBUTE_LIST list;

    CHECK(!InitializeProcThreadAttributeList(NULL, count, 0, &size));
    CHECK(GetLastError() == ERROR_INSUFFICIENT_BUFFER && size > 0);
    list = (LPPROC_THREAD_ATTRIBUTE_LIST)malloc(size);
    CHECK(InitializeProcThreadAttributeList(list, count, 0, &size));
    return list;
}

static void only_listed_handles_are_inherited(void)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    STARTUPINFOEX startup;
    PROCESS_INFORMATION made;
    TCHAR arguments[100];
    HANDLE listed = CreateEvent(&inheritable, TRUE, FALSE, NULL);
    HANDLE unlisted = CreateEvent(&inheritable, TRUE, FALSE, NULL);
    HANDLE private_event = CreateEvent(NULL, TRUE, FALSE, NULL);

    ZeroMemory(&startup, sizeof startup);
    startup.StartupInfo.cb = sizeof startup;
    startup.lpAttributeList = attribute_list(1);
    CHECK(!UpdateProcThreadAttribute(startup.lpAttributeList, 0, 12345, &listed, sizeof listed, NULL, NULL));
    CHECK(GetLastError() == ERROR_NOT_SUPPORTED);
    CHECK(!UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &listed, 3,
                                     NULL, NULL));
    CHECK(GetLastError() == ERROR_BAD_LENGTH);
    CHECK(UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &listed,
                                    sizeof listed, NULL, NULL));
    CHECK(!UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &listed,
                                     sizeof listed, NULL, NULL));
    CHECK(GetLastError() == ERROR_OBJECT_NAME_EXISTS);
    _stprintf_s(arguments, _countof(arguments), _T("handles %u %u"), (unsigned)(ULONG_PTR)listed,
                (unsigned)(ULONG_PTR)unlisted);
    CHECK(start(arguments, TRUE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
    CHECK(end_of(&made) == 0);
    CHECK(WaitForSingleObject(listed, 0) == WAIT_OBJECT_0);
    CHECK(!start(arguments, FALSE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
    listed = private_event;
    CHECK(!start(arguments, TRUE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
    DeleteProcThreadAttributeList(startup.lpAttributeList);
    free(startup.lpAttributeList);
    startup.lpAttributeList = NULL;
    CHECK(start(_T("code 3"), TRUE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
    CHECK(end_of(&made) == 3);
}

/* With a list, standard handles must be listed as well. */
static void listed_standard_handles_work(void)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    STARTUPINFOEX startup;
    PROCESS_INFORMATION made;
    TCHAR name[100], arguments[100];
    HANDLE handles[2];

    _stprintf_s(name, _countof(name), _T("/tmp/tong-listed-%u"), (unsigned)GetCurrentProcessId());
    for (int i = 0; i < 2; i++)
        handles[i] = CreateFile(name, GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, &inheritable,
                                OPEN_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    ZeroMemory(&startup, sizeof startup);
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    startup.lpAttributeList = attribute_list(1);
    CHECK(UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                    sizeof handles[0], NULL, NULL));
    for (int i = 0; i < 2; i++) {
        startup.StartupInfo.hStdOutput = handles[i];
        _stprintf_s(arguments, _countof(arguments), i == 0 ? _T("writes %u") : _T("cannot_write %u"),
                    (unsigned)(ULONG_PTR)handles[i]);
        CHECK(start(arguments, TRUE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
        CHECK(end_of(&made) == 0);
    }
    CHECK(CloseHandle(handles[0]) && CloseHandle(handles[1]));
    free(startup.lpAttributeList);
}

static void mutex_of_a_killed_process_is_abandoned(void)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made;
    TCHAR arguments[100];
    HANDLE mutex = CreateMutex(&inheritable, FALSE, NULL);
    HANDLE taken = CreateEvent(&inheritable, TRUE, FALSE, NULL);

    _stprintf_s(arguments, _countof(arguments), _T("owns %u %u"), (unsigned)(ULONG_PTR)mutex,
                (unsigned)(ULONG_PTR)taken);
    CHECK(start(arguments, TRUE, 0, &startup, &made));
    CHECK(WaitForSingleObject(taken, 60000) == WAIT_OBJECT_0);
    CHECK(WaitForSingleObject(mutex, 0) == WAIT_TIMEOUT);
    CHECK(TerminateProcess(made.hProcess, 3));
    CHECK(WaitForSingleObject(mutex, 60000) == WAIT_ABANDONED);
    CHECK(end_of(&made) == 3);
    CHECK(ReleaseMutex(mutex) && CloseHandle(mutex) && CloseHandle(taken));
}

static void parent_must_be_a_process(void)
{
    STARTUPINFOEX startup;
    PROCESS_INFORMATION made;
    HANDLE parent = NULL;

    ZeroMemory(&startup, sizeof startup);
    startup.StartupInfo.cb = sizeof startup;
    startup.lpAttributeList = attribute_list(1);
    CHECK(UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_PARENT_PROCESS, &parent,
                                    sizeof parent, NULL, NULL));
    CHECK(!start(_T("code 3"), FALSE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
    CHECK(GetLastError() == ERROR_INVALID_HANDLE);
    parent = OpenProcess(PROCESS_CREATE_PROCESS, FALSE, GetCurrentProcessId());
    CHECK(start(_T("code 3"), FALSE, EXTENDED_STARTUPINFO_PRESENT, &startup.StartupInfo, &made));
    CHECK(end_of(&made) == 3);
    CHECK(CloseHandle(parent));
    free(startup.lpAttributeList);
}

static void processes_are_opened_by_id(void)
{
    STARTUPINFO startup = startup_of_size();
    PROCESS_INFORMATION made;
    HANDLE opened;
    DWORD code = 0;
    TCHAR path[600];
    DWORD size = _countof(path);

    CHECK(OpenProcess(PROCESS_TERMINATE, FALSE, 0) == NULL && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(OpenProcess(PROCESS_TERMINATE, FALSE, GetCurrentThreadId()) == NULL);
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(OpenProcess(0, FALSE, GetCurrentProcessId()) == NULL && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(start(_T("sleep"), FALSE, 0, &startup, &made));
    opened = OpenProcess(SYNCHRONIZE, FALSE, made.dwProcessId);
    CHECK(WaitForSingleObject(opened, 0) == WAIT_TIMEOUT);
    CHECK(!GetExitCodeProcess(opened, &code) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(!TerminateProcess(opened, 1) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(GetProcessId(opened) == 0 && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(opened));
    opened = OpenProcess(PROCESS_TERMINATE | PROCESS_QUERY_INFORMATION, FALSE, made.dwProcessId);
    CHECK(GetExitCodeProcess(opened, &code) && code == STILL_ACTIVE);
    CHECK(QueryFullProcessImageName(opened, 0, path, &size) && size == _tcslen(path));
    CHECK(_tcscmp(path, own) == 0);
    CHECK(!QueryFullProcessImageName(opened, 0, path, &size) && GetLastError() == ERROR_INSUFFICIENT_BUFFER);
    CHECK(TerminateProcess(opened, 0x80000001u));
    CHECK(end_of(&made) == 0x80000001u);
    CHECK(!TerminateProcess(opened, 5) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(GetExitCodeProcess(opened, &code) && code == 0x80000001u);
    CHECK(CloseHandle(opened));
    CHECK(!TerminateProcess(NULL, 5) && GetLastError() == ERROR_INVALID_HANDLE);
}

static void command_lines_are_split(void)
{
    int count = 0;
    LPWSTR *list = CommandLineToArgvW(GetCommandLineW(), &count);

    CHECK(list != NULL && count == 1 && list[1] == NULL && list[0][0] != 0);
    LocalFree(list);
}

int _tmain(int argc, TCHAR *argv[])
{
    DWORD size = _countof(own);

    if (argc > 1)
        return child(argc, argv);
    CHECK(QueryFullProcessImageName(GetCurrentProcess(), 0, own, &size));
    exit_codes_have_32_bits();
    suspended_process_starts_when_resumed();
    settings_arrive();
    failure_leaves_nothing_behind();
    output_goes_where_it_is_told();
    only_listed_handles_are_inherited();
    listed_standard_handles_work();
    mutex_of_a_killed_process_is_abandoned();
    parent_must_be_a_process();
    processes_are_opened_by_id();
    command_lines_are_split();
    return checked();
}
