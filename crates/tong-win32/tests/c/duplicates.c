/* duplicates.c - hands objects from process to process, as value and as duplicate, and closes what others hold
 * (H-1, H-37, H-38, H-41, H-52, H-56 to H-76, H-78, H-81). */
#include <windows.h>

#include <stdlib.h>
#include <tchar.h>

#include "check.h"

static TCHAR own[600];

static HANDLE handle_of(const TCHAR *text)
{
    return (HANDLE)(ULONG_PTR)_tcstoul(text, NULL, 10);
}

/* ---- What the children do. ---- */

/* Sets the event that it inherited, and closes it. */
static int child_sets(TCHAR *argv[])
{
    DWORD flags = 99;

    CHECK(GetHandleInformation(handle_of(argv[2]), &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(SetEvent(handle_of(argv[2])) && CloseHandle(handle_of(argv[2])));
    CHECK(!SetEvent(handle_of(argv[2])) && GetLastError() == ERROR_INVALID_HANDLE);
    return checked();
}

/* Passes what it inherited on to a child of its own. */
static int child_passes_on(TCHAR *argv[])
{
    TCHAR line[100];
    STARTUPINFO startup;
    PROCESS_INFORMATION made;
    DWORD code = 1, size = _countof(own);

    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    CHECK(QueryFullProcessImageName(GetCurrentProcess(), 0, own, &size));
    _stprintf_s(line, _countof(line), _T("dummy sets %s"), argv[2]);
    CHECK(CreateProcess(own, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made));
    CHECK(WaitForSingleObject(made.hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(made.hProcess, &code) && code == 0);
    return checked();
}

/* Waits until its parent has put an event into its table, and sets that. */
static int child_waits_to_be_given(TCHAR *argv[])
{
    HANDLE given = OpenEvent(EVENT_ALL_ACCESS, FALSE, argv[2]);
    HANDLE value = handle_of(argv[3]);

    CHECK(given != NULL && WaitForSingleObject(given, 60000) == WAIT_OBJECT_0);
    CHECK(SetEvent(value));
    CHECK(CompareObjectHandles(value, value));
    return checked();
}

/* Makes a handle into its parent, of the parent process itself and of an event. */
static int child_duplicates_into_parent(TCHAR *argv[])
{
    HANDLE parent = OpenProcess(PROCESS_DUP_HANDLE, FALSE, (DWORD)_tcstoul(argv[2], NULL, 10));
    HANDLE source = handle_of(argv[3]), there = NULL, copy = NULL;

    CHECK(parent != NULL);
    /* A value of the parent, fetched. */
    CHECK(DuplicateHandle(parent, source, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(SetEvent(copy));
    /* And one of our own, given. */
    CHECK(DuplicateHandle(GetCurrentProcess(), copy, parent, &there, SYNCHRONIZE, FALSE, 0));
    CHECK(there != NULL && !SetEvent(there) && GetLastError() == ERROR_INVALID_HANDLE);
    /* What the parent asked for is closed in it. */
    CHECK(DuplicateHandle(parent, handle_of(argv[4]), NULL, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
    CHECK(!DuplicateHandle(parent, handle_of(argv[4]), GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(GetLastError() == ERROR_INVALID_HANDLE && copy == NULL);
    return checked();
}

static int child(TCHAR *argv[])
{
    if (_tcscmp(argv[1], _T("sets")) == 0)
        return child_sets(argv);
    if (_tcscmp(argv[1], _T("passes")) == 0)
        return child_passes_on(argv);
    if (_tcscmp(argv[1], _T("given")) == 0)
        return child_waits_to_be_given(argv);
    if (_tcscmp(argv[1], _T("gives")) == 0)
        return child_duplicates_into_parent(argv);
    if (_tcscmp(argv[1], _T("sleeps")) == 0)
        Sleep(INFINITE);
    return 99;
}

/* ---- What the parent checks. ---- */

static void start(const TCHAR *arguments, DWORD flags, PROCESS_INFORMATION *made)
{
    STARTUPINFO startup;
    TCHAR line[300];

    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    _stprintf_s(line, _countof(line), _T("dummy %s"), arguments);
    CHECK(CreateProcess(own, line, NULL, NULL, TRUE, flags, NULL, NULL, &startup, made));
}

static void ends_well(PROCESS_INFORMATION *made)
{
    DWORD code = 1;

    CHECK(WaitForSingleObject(made->hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(made->hProcess, &code) && code == 0);
    CHECK(CloseHandle(made->hThread) && CloseHandle(made->hProcess));
}

static HANDLE inheritable_event(void)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};

    return CreateEvent(&inheritable, TRUE, FALSE, NULL);
}

static void children_and_grandchildren_inherit(void)
{
    const TCHAR *ways[] = {_T("sets %u"), _T("passes %u")};
    PROCESS_INFORMATION made;
    TCHAR arguments[100];
    size_t way;

    for (way = 0; way < _countof(ways); way++) {
        HANDLE event = inheritable_event();

        _stprintf_s(arguments, _countof(arguments), ways[way], (unsigned)(ULONG_PTR)event);
        start(arguments, 0, &made);
        ends_well(&made);
        CHECK(WaitForSingleObject(event, 0) == WAIT_OBJECT_0 && CloseHandle(event));
    }
}

static void suspended_child_is_given_a_handle(void)
{
    TCHAR name[100], arguments[200];
    HANDLE given, event = CreateEvent(NULL, TRUE, FALSE, NULL), there = NULL, other = NULL;
    PROCESS_INFORMATION made;

    _stprintf_s(name, _countof(name), _T("given-%u"), (unsigned)GetCurrentProcessId());
    given = CreateEvent(NULL, TRUE, FALSE, name);
    /* A new process gives out the same first value for what others put into it, so one tells us that of another. */
    start(_T("sleeps"), CREATE_SUSPENDED, &made);
    CHECK(DuplicateHandle(GetCurrentProcess(), event, made.hProcess, &other, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(other != NULL && !SetEvent(other));
    CHECK(TerminateProcess(made.hProcess, 0));
    ends_well(&made);

    _stprintf_s(arguments, _countof(arguments), _T("given %s %u"), name, (unsigned)(ULONG_PTR)other);
    start(arguments, 0, &made);
    CHECK(DuplicateHandle(GetCurrentProcess(), event, made.hProcess, &there, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(there == other && SetEvent(given));
    ends_well(&made);
    CHECK(WaitForSingleObject(event, 0) == WAIT_OBJECT_0);
    CHECK(CloseHandle(event) && CloseHandle(given));
}

static void child_reaches_into_its_parent(void)
{
    HANDLE event = CreateEvent(NULL, TRUE, FALSE, NULL), victim = CreateEvent(NULL, TRUE, FALSE, NULL);
    PROCESS_INFORMATION made;
    TCHAR arguments[100];

    _stprintf_s(arguments, _countof(arguments), _T("gives %u %u %u"), (unsigned)GetCurrentProcessId(),
                (unsigned)(ULONG_PTR)event, (unsigned)(ULONG_PTR)victim);
    start(arguments, 0, &made);
    ends_well(&made);
    CHECK(WaitForSingleObject(event, 0) == WAIT_OBJECT_0 && CloseHandle(event));
    CHECK(!SetEvent(victim) && GetLastError() == ERROR_INVALID_HANDLE);
}

static void process_handles_must_allow_it(void)
{
    HANDLE event = CreateEvent(NULL, TRUE, FALSE, NULL), there = event, weak;
    PROCESS_INFORMATION made;

    start(_T("sleeps"), 0, &made);
    weak = OpenProcess(PROCESS_ALL_ACCESS & ~PROCESS_DUP_HANDLE, FALSE, made.dwProcessId);
    CHECK(!DuplicateHandle(GetCurrentProcess(), event, weak, &there, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(GetLastError() == ERROR_ACCESS_DENIED && there == NULL);
    CHECK(!DuplicateHandle(weak, event, GetCurrentProcess(), &there, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(!DuplicateHandle(GetCurrentProcess(), event, event, &there, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(DuplicateHandle(made.hProcess, GetCurrentProcess(), GetCurrentProcess(), &there, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    CHECK(CompareObjectHandles(there, made.hProcess) && GetProcessId(there) == made.dwProcessId);
    CHECK(CloseHandle(there) && CloseHandle(weak));
    CHECK(TerminateProcess(made.hProcess, 0) && WaitForSingleObject(made.hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(!DuplicateHandle(GetCurrentProcess(), event, made.hProcess, &there, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(GetLastError() == ERROR_ACCESS_DENIED && there == NULL);
    /* The source goes all the same. */
    CHECK(!DuplicateHandle(GetCurrentProcess(), event, made.hProcess, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
    CHECK(!SetEvent(event) && GetLastError() == ERROR_INVALID_HANDLE);
    ends_well(&made);
}

static void pseudo_handles_become_real(void)
{
    HANDLE process = NULL, thread = NULL, this_process = GetCurrentProcess();

    CHECK(DuplicateHandle(this_process, this_process, this_process, &process, 0, TRUE,
                          DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    CHECK(DuplicateHandle(this_process, GetCurrentThread(), this_process, &thread, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(process != this_process && GetProcessId(process) == GetCurrentProcessId());
    CHECK(CompareObjectHandles(this_process, process) && CompareObjectHandles(thread, GetCurrentThread()));
    CHECK(!CompareObjectHandles(thread, process) && GetLastError() == ERROR_NOT_SAME_OBJECT);
    CHECK(!CompareObjectHandles(this_process, GetCurrentThread()) && GetLastError() == ERROR_NOT_SAME_OBJECT);
    CHECK(WaitForSingleObject(process, 0) == WAIT_TIMEOUT && WaitForSingleObject(this_process, 0) == WAIT_TIMEOUT);
    CHECK(CloseHandle(process) && CloseHandle(thread));
}

static void standard_handles_can_be_set(void)
{
    HANDLE before = GetStdHandle(STD_OUTPUT_HANDLE);

    CHECK(SetStdHandle(STD_OUTPUT_HANDLE, (HANDLE)(ULONG_PTR)0x1234));
    CHECK(GetStdHandle(STD_OUTPUT_HANDLE) == (HANDLE)(ULONG_PTR)0x1234);
    CHECK(SetStdHandle(STD_OUTPUT_HANDLE, before) && GetStdHandle(STD_OUTPUT_HANDLE) == before);
    CHECK(!SetStdHandle(7, before) && GetLastError() == ERROR_INVALID_HANDLE);
}

int _tmain(int argc, TCHAR *argv[])
{
    DWORD size = _countof(own);

    if (argc > 1)
        return child(argv);
    CHECK(QueryFullProcessImageName(GetCurrentProcess(), 0, own, &size));
    children_and_grandchildren_inherit();
    suspended_child_is_given_a_handle();
    child_reaches_into_its_parent();
    process_handles_must_allow_it();
    pseudo_handles_become_real();
    standard_handles_can_be_set();
    return checked();
}
