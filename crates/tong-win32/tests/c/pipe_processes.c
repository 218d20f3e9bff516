/* pipe_processes.c - pipes between processes, some of which are killed, and ends that several processes hold (P1.6, P10.12,
 * P10.13, P10.15, P19.6, P21.1, P21.2, P25.2, P25.6, P25.8). */
#include "pipes.h"

#include <stdlib.h>

static TCHAR own[600];
static TCHAR ready_name[64], go_name[64];
static HANDLE ready, go;

static HANDLE handle_of(const TCHAR *text)
{
    return (HANDLE)(ULONG_PTR)_tcstoul(text, NULL, 10);
}

/* Tells the parent that it can go on, and waits until it has. */
static void meet(void)
{
    CHECK(SetEvent(ready) && WaitForSingleObject(go, LONG_TIME) == WAIT_OBJECT_0);
}

/* ---- What the children do. ---- */

/* Serves until it is killed. */
static int child_server(void)
{
    HANDLE server = make(DUPLEX, MESSAGE_MODES, 100);

    CHECK(SetEvent(ready));
    ConnectNamedPipe(server, NULL);
    CHECK(hears(server, 100, "request") && say(server, "left") == 4);
    CHECK(SetEvent(ready));
    Sleep(INFINITE);
    return checked();
}

/* Writes, and goes only when it is killed. */
static int child_client(void)
{
    HANDLE client = open_end(BOTH, 0);
    ULONG id = 0;

    CHECK(GetNamedPipeServerProcessId(client, &id) && id != GetCurrentProcessId());
    CHECK(GetNamedPipeClientProcessId(client, &id) && id == GetCurrentProcessId());
    IS(say(client, "one"), 3);
    IS(say(client, "two"), 3);
    CHECK(SetEvent(ready));
    Sleep(INFINITE);
    return checked();
}

/* Uses a client's end that it inherited, and closes it. */
static int child_inherits(HANDLE client)
{
    DWORD flags = 77, state = 77;

    CHECK(GetHandleInformation(client, &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(GetNamedPipeHandleState(client, &state, NULL, NULL, NULL, NULL, 0) && state == PIPE_READMODE_MESSAGE);
    IS(say(client, "from the child"), 14);
    meet();
    CHECK(hears(client, 100, "for whoever reads"));
    return checked();
}

/* Serves a client with an end that its parent has put into its table. */
static int child_is_given_a_server(HANDLE server)
{
    char request[32];
    long size;

    meet();
    CHECK(ConnectNamedPipe(server, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
    while ((size = read_end(server, request, sizeof request)) >= 0)
        IS(write_end(server, request, (DWORD)size), size);
    IS(size, -ERROR_BROKEN_PIPE);
    CHECK(DisconnectNamedPipe(server) && CloseHandle(server));
    return checked();
}

/* Starts operations that pend, and ends. */
static int child_leaves_operations(HANDLE client)
{
    static OPERATION read, write;

    IS(start_read(client, &read, 10), PENDS);
    IS(start_write(client, &write, "too long to fit", 15), PENDS);
    meet();
    return checked();
}

static int child(TCHAR *argv[])
{
    _tcscpy(ready_name, argv[2]);
    _tcscpy(go_name, argv[3]);
    ready = OpenEvent(EVENT_ALL_ACCESS, FALSE, ready_name);
    go = OpenEvent(EVENT_ALL_ACCESS, FALSE, go_name);
    CHECK(ready != NULL && go != NULL);
    if (_tcscmp(argv[1], _T("server")) == 0)
        return child_server();
    if (_tcscmp(argv[1], _T("client")) == 0)
        return child_client();
    if (_tcscmp(argv[1], _T("inherits")) == 0)
        return child_inherits(handle_of(argv[4]));
    if (_tcscmp(argv[1], _T("given")) == 0)
        return child_is_given_a_server(handle_of(argv[4]));
    if (_tcscmp(argv[1], _T("leaves")) == 0)
        return child_leaves_operations(handle_of(argv[4]));
    return 99;
}

/* ---- What the parent checks. ---- */

static void start(const TCHAR *what, HANDLE handle, DWORD flags, PROCESS_INFORMATION *made)
{
    STARTUPINFO startup;
    TCHAR line[300];

    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    _stprintf_s(line, _countof(line), _T("dummy %s %s %s %u"), what, ready_name, go_name, (unsigned)(ULONG_PTR)handle);
    CHECK(CreateProcess(own, line, NULL, NULL, TRUE, flags, NULL, NULL, &startup, made));
}

static void is_ready(void)
{
    CHECK(WaitForSingleObject(ready, LONG_TIME) == WAIT_OBJECT_0);
}

static void ends_with(PROCESS_INFORMATION *made, DWORD expected)
{
    DWORD code = 77;

    CHECK(WaitForSingleObject(made->hProcess, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(made->hProcess, &code) && code == expected);
    CHECK(CloseHandle(made->hThread) && CloseHandle(made->hProcess));
}

static void kill_child(PROCESS_INFORMATION *made)
{
    CHECK(TerminateProcess(made->hProcess, 5));
    ends_with(made, 5);
}

static DWORD WINAPI wait_for_ever(LPVOID unused)
{
    (void)unused;
    return WaitNamedPipe(NAME, NMPWAIT_WAIT_FOREVER) ? 0 : GetLastError();
}

/* P10.15, P19.6, P10.1 */
static void killed_server_is_a_server_that_closed(void)
{
    PROCESS_INFORMATION made;
    HANDLE client, waiter;
    DWORD code = 77, mode = PIPE_READMODE_MESSAGE;
    ULONG id = 0;
    char byte;

    start(_T("server"), NULL, 0, &made);
    is_ready();
    client = open_end(BOTH, 0);
    CHECK(client != INVALID_HANDLE_VALUE && SetNamedPipeHandleState(client, &mode, NULL, NULL));
    CHECK(GetNamedPipeServerProcessId(client, &id) && id == made.dwProcessId);
    IS(say(client, "request"), 7);
    is_ready();
    waiter = CreateThread(NULL, 0, wait_for_ever, NULL, 0, NULL);
    CHECK(WaitForSingleObject(waiter, SHORT_TIME) == WAIT_TIMEOUT);
    kill_child(&made);
    CHECK(hears(client, 100, "left"));
    IS(read_end(client, &byte, 1), -ERROR_BROKEN_PIPE);
    IS(say(client, "x"), -ERROR_NO_DATA);
    CHECK(WaitForSingleObject(waiter, LONG_TIME) == WAIT_OBJECT_0 && GetExitCodeThread(waiter, &code));
    CHECK(code == ERROR_FILE_NOT_FOUND && CloseHandle(waiter));
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND);
    CHECK(CloseHandle(client));
    client = make(DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 10);
    CHECK(CloseHandle(client));
}

/* P21.1, P21.3, P21.9, P10.14 */
static void killed_client_is_a_client_that_closed(void)
{
    PROCESS_INFORMATION made;
    HANDLE server = make(DUPLEX, MESSAGE_MODES, 100);
    ULONG id = 0;
    char byte;

    start(_T("client"), NULL, 0, &made);
    is_ready();
    CHECK(GetNamedPipeClientProcessId(server, &id) && id == made.dwProcessId);
    kill_child(&made);
    CHECK(GetNamedPipeClientProcessId(server, &id) && id != 0);
    CHECK(hears(server, 100, "one") && hears(server, 100, "two"));
    IS(read_end(server, &byte, 1), -ERROR_BROKEN_PIPE);
    FAILS(ConnectNamedPipe(server, NULL), ERROR_NO_DATA);
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
    CHECK(CloseHandle(server));
}

static void make_inheritable(HANDLE end)
{
    CHECK(SetHandleInformation(end, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
}

/* P1.6, P21.2, P25.2, P25.6, P25.7 */
static void end_is_open_while_any_process_has_it(void)
{
    HANDLE ends[2];
    PROCESS_INFORMATION made;
    ULONG id = 0;
    char byte;

    make_pair(ends, 0, MESSAGE_MODES, 100);
    make_inheritable(ends[1]);
    start(_T("inherits"), ends[1], 0, &made);
    is_ready();
    CHECK(hears(ends[0], 100, "from the child"));
    CHECK(CloseHandle(ends[1]));
    set_mode(ends[0], PIPE_NOWAIT | PIPE_READMODE_MESSAGE);
    IS(read_end(ends[0], &byte, 1), -ERROR_NO_DATA);
    CHECK(GetNamedPipeClientProcessId(ends[0], &id) && id == GetCurrentProcessId());
    IS(say(ends[0], "for whoever reads"), 17);
    CHECK(SetEvent(go));
    ends_with(&made, 0);
    IS(read_end(ends[0], &byte, 1), -ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(ends[0]));
}

/* P25.8 */
static void server_is_handed_to_another_process(void)
{
    HANDLE server = make(DUPLEX, MESSAGE_MODES, 100), there = NULL, client, other = NULL;
    DWORD mode = PIPE_READMODE_MESSAGE, instances = 77;
    PROCESS_INFORMATION made;

    /* A new process gives out the same first value for what others put into it, so one tells us that of another. */
    start(_T("client"), NULL, CREATE_SUSPENDED, &made);
    CHECK(DuplicateHandle(GetCurrentProcess(), ready, made.hProcess, &other, 0, FALSE, DUPLICATE_SAME_ACCESS));
    kill_child(&made);
    start(_T("given"), other, CREATE_SUSPENDED, &made);
    CHECK(DuplicateHandle(GetCurrentProcess(), server, made.hProcess, &there, 0, FALSE,
                          DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    CHECK(there == other && ResumeThread(made.hThread) == 1);
    is_ready();
    client = open_end(BOTH, 0);
    CHECK(client != INVALID_HANDLE_VALUE && SetNamedPipeHandleState(client, &mode, NULL, NULL) && SetEvent(go));
    CHECK(GetNamedPipeHandleState(client, NULL, &instances, NULL, NULL, NULL, 0) && instances == 1);
    IS(say(client, "echo"), 4);
    CHECK(hears(client, 100, "echo"));
    IS(say(client, ""), 0);
    CHECK(hears(client, 100, ""));
    CHECK(CloseHandle(client));
    ends_with(&made, 0);
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND);
}

/* P10.12, P10.13 */
static void operations_end_with_the_process_that_started_them(void)
{
    HANDLE ends[2];
    PROCESS_INFORMATION made;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
    make_inheritable(ends[1]);
    start(_T("leaves"), ends[1], 0, &made);
    is_ready();
    IS(waiting(ends[0]), 15);
    set_mode(ends[0], PIPE_READMODE_BYTE);
    CHECK(hears(ends[0], 4, "too "));
    CHECK(SetEvent(go));
    ends_with(&made, 0);
    IS(waiting(ends[0]), 0);
    IS(say(ends[0], "still"), 5);
    CHECK(hears(ends[1], 10, "still"));
    IS(say(ends[1], "works"), 5);
    CHECK(hears(ends[0], 10, "works"));
    close_pair(ends);
}

int _tmain(int argc, TCHAR *argv[])
{
    DWORD size = _countof(own);

    if (argc > 1)
        return child(argv);
    CHECK(QueryFullProcessImageName(GetCurrentProcess(), 0, own, &size));
    _stprintf_s(ready_name, _countof(ready_name), _T("ready-%u"), (unsigned)GetCurrentProcessId());
    _stprintf_s(go_name, _countof(go_name), _T("go-%u"), (unsigned)GetCurrentProcessId());
    ready = CreateEvent(NULL, FALSE, FALSE, ready_name);
    go = CreateEvent(NULL, FALSE, FALSE, go_name);
    killed_server_is_a_server_that_closed();
    killed_client_is_a_client_that_closed();
    end_is_open_while_any_process_has_it();
    server_is_handed_to_another_process();
    operations_end_with_the_process_that_started_them();
    return checked();
}
