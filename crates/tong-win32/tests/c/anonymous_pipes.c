/* anonymous_pipes.c - pipes without a name: between threads, and with child processes whose standard handles they are.
 *
 * A1 to A20, P6.1 to P6.7, P20.9 to P20.13, P22.25, P24.1, P25.1 to P25.6.
 */
#include <windows.h>

#include <stdlib.h>
#include <tchar.h>

#include "check.h"
#include "pipes.h"

#define LARGE 1000000

static TCHAR own[600];
static char much[LARGE];

/* ---- What the children do. ---- */

/* Copies its standard input to its standard output in capitals, until the pipe is broken. */
static int child_shouts(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);
    char buffer[100];
    DWORD read = 0, written, i;

    CHECK(GetFileType(input) == FILE_TYPE_PIPE && GetFileType(output) == FILE_TYPE_PIPE);
    while (ReadFile(input, buffer, sizeof buffer, &read, NULL)) {
        CHECK(read > 0);
        for (i = 0; i < read; i++)
            if (buffer[i] >= 'a' && buffer[i] <= 'z')
                buffer[i] -= 'a' - 'A';
        CHECK(WriteFile(output, buffer, read, &written, NULL) && written == read);
    }
    CHECK(GetLastError() == ERROR_BROKEN_PIPE && read == 0);
    return checked();
}

/* Looks at its standard input until there is something, and reads just that: also of a program that knows nothing of us. */
static int child_looks(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    DWORD available = 0, read, left;
    char first, buffer[100];

    while (PeekNamedPipe(input, NULL, 0, NULL, &available, NULL) && available < 5)
        Sleep(1);
    CHECK(PeekNamedPipe(input, &first, 1, &read, &available, &left));
    CHECK(first == 'h' && read == 1 && available == 5 && left == 0xFFFFFFFF);
    CHECK(ReadFile(input, buffer, sizeof buffer, &read, NULL) && read == 5);
    while (PeekNamedPipe(input, NULL, 0, NULL, &available, NULL))
        Sleep(1);
    CHECK(GetLastError() == ERROR_BROKEN_PIPE);
    return checked();
}

/* Has a handle by its value. */
static int child_writes(HANDLE pipe)
{
    DWORD flags = 0, size = 0, state = 7;

    CHECK(GetNamedPipeInfo(pipe, &flags, &size, NULL, NULL) && flags == PIPE_CLIENT_END && size == 777);
    CHECK(GetNamedPipeHandleState(pipe, &state, NULL, NULL, NULL, NULL, 0) && state == PIPE_NOWAIT);
    IS(say(pipe, "inherited"), 9);
    return checked();
}

static int child(TCHAR *argv[])
{
    if (_tcscmp(argv[1], _T("shouts")) == 0)
        return child_shouts();
    if (_tcscmp(argv[1], _T("looks")) == 0)
        return child_looks();
    if (_tcscmp(argv[1], _T("writes")) == 0)
        return child_writes((HANDLE)(ULONG_PTR)_ttoi(argv[2]));
    if (_tcscmp(argv[1], _T("sleeps")) == 0)
        Sleep(INFINITE);
    return 99;
}

/* ---- Short ways. ---- */

typedef struct {
    HANDLE read, write;
} ENDS;

static ENDS make_ends(DWORD size)
{
    ENDS ends;

    CHECK(CreatePipe(&ends.read, &ends.write, NULL, size));
    return ends;
}

static void close_ends(ENDS ends)
{
    CHECK(CloseHandle(ends.read) && CloseHandle(ends.write));
}

/* A call in a thread of its own, and what came of it. */
typedef struct {
    HANDLE thread, end;
    DWORD size;
    int kind;
    long came_to;
} CALL;

enum { READS, WRITES, FLUSHES, LOOKS };

static DWORD WINAPI do_call(LPVOID argument)
{
    CALL *call = (CALL *)argument;
    char *buffer = (char *)malloc(call->size + 1);

    memset(buffer, 'w', call->size + 1);
    if (call->kind == READS)
        call->came_to = read_end(call->end, buffer, call->size);
    else if (call->kind == WRITES)
        call->came_to = write_end(call->end, buffer, call->size);
    else if (call->kind == FLUSHES)
        call->came_to = outcome(FlushFileBuffers(call->end), 0);
    else
        call->came_to = waiting(call->end);
    free(buffer);
    return 0;
}

static void begin(CALL *call, int kind, HANDLE end, DWORD size)
{
    call->end = end;
    call->size = size;
    call->kind = kind;
    call->thread = CreateThread(NULL, 0, do_call, call, 0, NULL);
    CHECK(call->thread != NULL);
}

static int is_blocked(CALL *call)
{
    return WaitForSingleObject(call->thread, SHORT_TIME) == WAIT_TIMEOUT;
}

static long came_to(CALL *call)
{
    CHECK(WaitForSingleObject(call->thread, LONG_TIME) == WAIT_OBJECT_0 && CloseHandle(call->thread));
    return call->came_to;
}

/* Closes an end, of which a process that is just being started by another thread has no copy: there is no such thread. */
static void close_end(HANDLE end)
{
    CHECK(CloseHandle(end));
}

static DWORD granted(HANDLE handle, DWORD access)
{
    HANDLE copy = NULL;

    if (!DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, access, FALSE, 0))
        return 0;
    CHECK(CloseHandle(copy));
    return access;
}

/* ---- One process. ---- */

/* A1, A2, A3, A4, A17, P20.10 */
static void ends_are_what_was_asked_for(void)
{
    const DWORD asked[] = {0, 1, 4096, 0xF000, 70000};
    const DWORD told[] = {4096, 1, 4096, 0xF000, 70000};
    DWORD flags, out_size, in_size, most, state, instances;
    size_t i;

    for (i = 0; i < sizeof asked / sizeof *asked; i++) {
        ENDS ends = make_ends(asked[i]);

        CHECK(GetNamedPipeInfo(ends.read, &flags, &out_size, &in_size, &most));
        CHECK(flags == (PIPE_SERVER_END | PIPE_TYPE_BYTE) && most == 1);
        CHECK(out_size == told[i] && in_size == told[i]);
        CHECK(GetNamedPipeInfo(ends.write, &flags, &out_size, &in_size, &most));
        CHECK(flags == (PIPE_CLIENT_END | PIPE_TYPE_BYTE) && most == 1);
        CHECK(out_size == told[i] && in_size == told[i]);
        CHECK(GetNamedPipeHandleState(ends.read, &state, &instances, NULL, NULL, NULL, 0));
        CHECK(state == 0 && instances == 1);
        CHECK(GetNamedPipeHandleState(ends.write, &state, &instances, NULL, NULL, NULL, 0));
        CHECK(state == 0 && instances == 1);
        CHECK(GetNamedPipeInfo(ends.read, NULL, NULL, NULL, NULL));
        CHECK(GetFileType(ends.read) == FILE_TYPE_PIPE && GetFileType(ends.write) == FILE_TYPE_PIPE);
        close_ends(ends);
    }
}

/* A6 and A18, P25.1 */
static void both_handles_are_inheritable_or_neither(void)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, TRUE};
    HANDLE read, write;
    DWORD first = 7, second = 7;
    int inherit;

    for (inherit = 0; inherit < 2; inherit++) {
        attributes.bInheritHandle = inherit;
        CHECK(CreatePipe(&read, &write, &attributes, 0));
        CHECK(GetHandleInformation(read, &first) && GetHandleInformation(write, &second));
        CHECK(first == (DWORD)inherit && second == (DWORD)inherit);
        CHECK(CloseHandle(read) && CloseHandle(write));
    }
    FAILS(CreatePipe(NULL, &write, NULL, 0), ERROR_NOACCESS);
    FAILS(CreatePipe(&read, NULL, NULL, 0), ERROR_NOACCESS);
}

/* P6.1, P6.2, P6.4, P6.5, P6.6, P6.7, P25.4 and the table of section 6; A12 */
static void ends_have_their_rights(void)
{
    ENDS ends = make_ends(0);
    HANDLE bare;
    char byte;

    CHECK(granted(ends.read, 0x120189) && !granted(ends.read, 0x12018B));
    CHECK(granted(ends.write, 0x120196) && !granted(ends.write, 0x120197));
    IS(say(ends.read, "x"), -ERROR_ACCESS_DENIED);
    IS(read_end(ends.write, &byte, 1), -ERROR_ACCESS_DENIED);
    IS(waiting(ends.write), -ERROR_ACCESS_DENIED);
    FAILS(FlushFileBuffers(ends.read), ERROR_ACCESS_DENIED);
    CHECK(DuplicateHandle(GetCurrentProcess(), ends.read, GetCurrentProcess(), &bare, SYNCHRONIZE, FALSE, 0));
    IS(read_end(bare, &byte, 1), -ERROR_ACCESS_DENIED);
    IS(waiting(bare), -ERROR_ACCESS_DENIED);
    FAILS(GetNamedPipeInfo(bare, NULL, NULL, NULL, NULL), ERROR_ACCESS_DENIED);
    FAILS(SetNamedPipeHandleState(bare, NULL, NULL, NULL), ERROR_ACCESS_DENIED);
    FAILS(ConnectNamedPipe(bare, NULL), ERROR_PIPE_CONNECTED);
    FAILS(ConnectNamedPipe(ends.write, NULL), ERROR_INVALID_FUNCTION);
    FAILS(DisconnectNamedPipe(ends.write), ERROR_INVALID_FUNCTION);
    CHECK(CloseHandle(bare));
    close_ends(ends);
}

/* A7, A8 and P13.5, A14, A20 */
static void bytes_go_through(void)
{
    ENDS ends = make_ends(5000);
    CALL call;
    char *buffer = (char *)malloc(LARGE);

    IS(say(ends.write, "hello "), 6);
    IS(say(ends.write, "world"), 5);
    IS(say(ends.write, ""), 0);
    CHECK(hears(ends.read, 8, "hello wo") && hears(ends.read, 100, "rld"));
    begin(&call, READS, ends.read, 100);
    CHECK(is_blocked(&call));
    IS(say(ends.write, ""), 0);
    CHECK(is_blocked(&call));
    IS(say(ends.write, "late"), 4);
    IS(came_to(&call), 4);

    begin(&call, WRITES, ends.write, 7000);
    CHECK(is_blocked(&call));
    IS(waiting(ends.read), 7000);
    IS(read_end(ends.read, buffer, 1999), 1999);
    CHECK(is_blocked(&call));
    IS(read_end(ends.read, buffer, 1), 1);
    IS(came_to(&call), 7000);
    IS(read_end(ends.read, buffer, LARGE), 5000);

    begin(&call, READS, ends.read, 0);
    CHECK(is_blocked(&call));
    IS(say(ends.write, "left"), 4);
    IS(came_to(&call), 0);
    CHECK(hears(ends.read, 100, "left"));
    IS(read_end(ends.read, NULL, 5), -ERROR_NOACCESS);
    close_ends(ends);

    ends = make_ends(32792);
    IS(write_end(ends.write, much, 32768), 32768);
    close_end(ends.write);
    IS(read_end(ends.read, buffer, 32768), 32768);
    CHECK(memcmp(buffer, much, 32768) == 0);
    IS(read_end(ends.read, buffer, 1), -ERROR_BROKEN_PIPE);
    close_end(ends.read);
    free(buffer);
}

/* A9, A10, A15, A16 */
static void ends_end(void)
{
    ENDS ends = make_ends(0);
    DWORD instances = 7;
    CALL call;
    char byte;

    IS(say(ends.write, "rest"), 4);
    close_end(ends.write);
    FAILS(ConnectNamedPipe(ends.read, NULL), ERROR_NO_DATA);
    IS(waiting(ends.read), 4);
    CHECK(hears(ends.read, 100, "rest"));
    IS(read_end(ends.read, &byte, 1), -ERROR_BROKEN_PIPE);
    IS(read_end(ends.read, &byte, 0), -ERROR_BROKEN_PIPE);
    IS(waiting(ends.read), -ERROR_BROKEN_PIPE);
    CHECK(GetNamedPipeInfo(ends.read, NULL, NULL, NULL, NULL));
    close_end(ends.read);

    ends = make_ends(0);
    begin(&call, READS, ends.read, 1);
    CHECK(is_blocked(&call));
    close_end(ends.write);
    IS(came_to(&call), -ERROR_BROKEN_PIPE);
    close_end(ends.read);

    ends = make_ends(0);
    begin(&call, WRITES, ends.write, LARGE);
    CHECK(is_blocked(&call));
    close_end(ends.read);
    IS(came_to(&call), -ERROR_BROKEN_PIPE);
    IS(say(ends.write, "x"), -ERROR_NO_DATA);
    IS(say(ends.write, ""), -ERROR_NO_DATA);
    CHECK(FlushFileBuffers(ends.write));
    CHECK(GetNamedPipeHandleState(ends.write, NULL, &instances, NULL, NULL, NULL, 0) && instances == 0);
    close_end(ends.write);

    ends = make_ends(0);
    CHECK(FlushFileBuffers(ends.write));
    IS(say(ends.write, "ab"), 2);
    begin(&call, FLUSHES, ends.write, 0);
    CHECK(is_blocked(&call) && hears(ends.read, 1, "a") && is_blocked(&call) && hears(ends.read, 1, "b"));
    IS(came_to(&call), 0);
    FAILS(ConnectNamedPipe(ends.read, NULL), ERROR_PIPE_CONNECTED);
    IS(say(ends.write, "lost"), 4);
    CHECK(DisconnectNamedPipe(ends.read));
    FAILS(DisconnectNamedPipe(ends.read), ERROR_PIPE_NOT_CONNECTED);
    IS(read_end(ends.read, &byte, 1), -ERROR_PIPE_NOT_CONNECTED);
    IS(waiting(ends.read), -ERROR_BAD_PIPE);
    IS(say(ends.write, "x"), -ERROR_PIPE_NOT_CONNECTED);
    close_ends(ends);
}

/* A11, A12, A13, P14.9, P20.11 to P20.15 */
static void modes_are_set(void)
{
    ENDS ends = make_ends(512);
    DWORD message = PIPE_READMODE_MESSAGE, unknown = 4, state = 7, read = 7, available = 7, left = 7, number = 7;
    OVERLAPPED overlapped;
    char byte, four[4];

    set_mode(ends.read, PIPE_NOWAIT);
    IS(read_end(ends.read, &byte, 1), -ERROR_NO_DATA);
    CHECK(GetNamedPipeHandleState(ends.write, &state, NULL, NULL, NULL, NULL, 0) && state == 0);
    set_mode(ends.write, PIPE_NOWAIT);
    IS(write_end(ends.write, much, 513), 0);
    IS(write_end(ends.write, much, 512), 512);
    IS(write_end(ends.write, much, 1), 0);
    CHECK(PeekNamedPipe(ends.read, four, 4, &read, &available, &left));
    CHECK(read == 4 && available == 512 && left == 0xFFFFFFFC);
    CHECK(GetNamedPipeHandleState(ends.write, &state, NULL, NULL, NULL, NULL, 0) && state == PIPE_NOWAIT);
    set_mode(ends.write, PIPE_WAIT);
    FAILS(SetNamedPipeHandleState(ends.read, &message, NULL, NULL), ERROR_INVALID_PARAMETER);
    FAILS(SetNamedPipeHandleState(ends.read, &unknown, NULL, NULL), ERROR_INVALID_PARAMETER);
    FAILS(SetNamedPipeHandleState(ends.read, NULL, &number, NULL), ERROR_INVALID_PARAMETER);
    CHECK(SetNamedPipeHandleState(ends.read, NULL, NULL, NULL));
    CHECK(GetNamedPipeHandleState(ends.read, &state, NULL, NULL, NULL, NULL, 0) && state == PIPE_NOWAIT);
    FAILS(GetNamedPipeHandleState(ends.read, NULL, NULL, &number, NULL, NULL, 0), ERROR_INVALID_PARAMETER);

    memset(&overlapped, 0, sizeof overlapped);
    CHECK(ReadFile(ends.read, four, 4, &read, &overlapped) && read == 4);
    CHECK(overlapped.Internal == 0 && overlapped.InternalHigh == 4);
    CHECK(!ReadFileEx(ends.read, four, 4, &overlapped, NULL));
    CHECK(!WriteFileEx(ends.write, four, 4, &overlapped, NULL));
    close_ends(ends);
}

/* A19, P22.25, P24.1, P23.6 */
static void calls_wait_for_each_other_and_are_canceled(void)
{
    ENDS ends = make_ends(0);
    CALL call, second;

    CHECK(WaitForSingleObject(ends.read, 0) == WAIT_OBJECT_0);
    begin(&call, READS, ends.read, 2);
    CHECK(is_blocked(&call) && WaitForSingleObject(ends.read, 0) == WAIT_TIMEOUT);
    CHECK(WaitForSingleObject(ends.write, 0) == WAIT_OBJECT_0);
    begin(&second, LOOKS, ends.read, 0);
    CHECK(is_blocked(&second));
    CHECK(CancelSynchronousIo(call.thread));
    IS(came_to(&call), -ERROR_OPERATION_ABORTED);
    IS(came_to(&second), 0);
    CHECK(WaitForSingleObject(ends.read, 0) == WAIT_OBJECT_0);
    begin(&call, WRITES, ends.write, LARGE);
    CHECK(is_blocked(&call) && CancelSynchronousIo(call.thread));
    IS(came_to(&call), -ERROR_OPERATION_ABORTED);
    close_ends(ends);
}

/* P20.19, and what else is no function of pipes */
static void ends_are_no_files(void)
{
    ENDS ends = make_ends(0);
    LARGE_INTEGER size;

    FAILS(SetFilePointer(ends.read, 0, NULL, FILE_BEGIN) == 0, ERROR_INVALID_FUNCTION);
    FAILS(GetFileSizeEx(ends.read, &size), ERROR_INVALID_FUNCTION);
    close_ends(ends);
}

/* ---- Children. ---- */

/* Starts a program with these as its standard input and output, and closes our copies, as the well-known sample does. */
static HANDLE start(LPCTSTR line, HANDLE input, HANDLE output)
{
    STARTUPINFO startup;
    PROCESS_INFORMATION made;
    TCHAR copy[300];

    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = input;
    startup.hStdOutput = output;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    _stprintf_s(copy, _countof(copy), _T("%s"), line);
    if (!CreateProcess(NULL, copy, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made)) {
        CHECK(!"started");
        return NULL;
    }
    CHECK(CloseHandle(made.hThread));
    return made.hProcess;
}

static DWORD end_of_process(HANDLE process)
{
    DWORD code = 77;

    CHECK(WaitForSingleObject(process, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process, &code) && CloseHandle(process));
    return code;
}

/* A pipe of which the child is to have one end only. */
static ENDS make_half_inheritable(int child_reads)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, TRUE};
    ENDS ends;

    CHECK(CreatePipe(&ends.read, &ends.write, &attributes, 0));
    CHECK(SetHandleInformation(child_reads ? ends.write : ends.read, HANDLE_FLAG_INHERIT, 0));
    return ends;
}

/* What a program answers to a text; the length of the answer. */
static DWORD answer_of(LPCTSTR line, const char *text, DWORD size, char *answer, DWORD room, DWORD expected_code)
{
    ENDS input = make_half_inheritable(1), output = make_half_inheritable(0);
    HANDLE process = start(line, input.read, output.write);
    DWORD got = 0, read;

    close_end(input.read);
    close_end(output.write);
    IS(write_end(input.write, text, size), (long)size);
    close_end(input.write);
    while (got < room && ReadFile(output.read, answer + got, room - got, &read, NULL)) {
        CHECK(read > 0);
        got += read;
    }
    CHECK(GetLastError() == ERROR_BROKEN_PIPE);
    close_end(output.read);
    CHECK(end_of_process(process) == expected_code);
    return got;
}

static void child_line(TCHAR *line, size_t size, LPCTSTR arguments)
{
    _stprintf_s(line, size, _T("\"%s\" %s"), own, arguments);
}

/* A4, A5, A9 */
static void children_have_ends_as_standard_handles(void)
{
    TCHAR line[800];
    char answer[200];
    char *large = (char *)malloc(LARGE);
    DWORD got;

    got = answer_of(_T("cat"), "as it is\n", 9, answer, sizeof answer, 0);
    CHECK(got == 9 && memcmp(answer, "as it is\n", 9) == 0);
    got = answer_of(_T("sort -r"), "1\n3\n2\n", 6, answer, sizeof answer, 0);
    CHECK(got == 6 && memcmp(answer, "3\n2\n1\n", 6) == 0);
    got = answer_of(_T("wc -c"), much, LARGE, answer, sizeof answer, 0);
    CHECK(got > 7 && memcmp(answer + got - 8, "1000000\n", 8) == 0);
    child_line(line, _countof(line), _T("shouts"));
    got = answer_of(line, "shout this", 10, answer, sizeof answer, 0);
    CHECK(got == 10 && memcmp(answer, "SHOUT THIS", 10) == 0);
    child_line(line, _countof(line), _T("looks"));
    CHECK(answer_of(line, "hello", 5, answer, sizeof answer, 0) == 0);
    /* A shell makes this child's pipe. */
    _stprintf_s(line, _countof(line), _T("sh -c \"printf hello | '%s' looks\""), own);
    CHECK(answer_of(line, "", 0, answer, sizeof answer, 0) == 0);
    free(large);
}

/* P25.2, P25.3, P25.6: the mode at the start goes with the handle. */
static void inherited_handle_is_the_same_end(void)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, TRUE};
    TCHAR arguments[50], line[800];
    ENDS ends;
    HANDLE process;
    char byte;

    CHECK(CreatePipe(&ends.read, &ends.write, &attributes, 777));
    CHECK(SetHandleInformation(ends.read, HANDLE_FLAG_INHERIT, 0));
    set_mode(ends.write, PIPE_NOWAIT);
    _stprintf_s(arguments, _countof(arguments), _T("writes %d"), (int)(ULONG_PTR)ends.write);
    child_line(line, _countof(line), arguments);
    process = start(line, NULL, NULL);
    close_end(ends.write);
    CHECK(hears(ends.read, 100, "inherited"));
    IS(read_end(ends.read, &byte, 1), -ERROR_BROKEN_PIPE);
    CHECK(end_of_process(process) == 0);
    close_end(ends.read);
}

/* P1.6, P10.15: the ends of a process that is killed are closed. */
static void killed_child_closes_its_ends(void)
{
    ENDS input = make_half_inheritable(1), output = make_half_inheritable(0);
    TCHAR line[800];
    HANDLE process;
    CALL reads, writes;

    child_line(line, _countof(line), _T("sleeps"));
    process = start(line, input.read, output.write);
    close_end(input.read);
    close_end(output.write);
    begin(&reads, READS, output.read, 1);
    begin(&writes, WRITES, input.write, LARGE);
    CHECK(is_blocked(&reads) && is_blocked(&writes));
    CHECK(TerminateProcess(process, 9) && end_of_process(process) == 9);
    IS(came_to(&reads), -ERROR_BROKEN_PIPE);
    IS(came_to(&writes), -ERROR_BROKEN_PIPE);
    IS(say(input.write, "x"), -ERROR_NO_DATA);
    close_end(input.write);
    close_end(output.read);
}

int _tmain(int argc, TCHAR *argv[])
{
    if (argc > 1)
        return child(argv);
    CHECK(GetModuleFileName(NULL, own, _countof(own)) > 0);
    memset(much, 'm', sizeof much);
    ends_are_what_was_asked_for();
    both_handles_are_inheritable_or_neither();
    ends_have_their_rights();
    bytes_go_through();
    ends_end();
    modes_are_set();
    calls_wait_for_each_other_and_are_canceled();
    ends_are_no_files();
    children_have_ends_as_standard_handles();
    inherited_handle_is_the_same_end();
    killed_child_closes_its_ends();
    return checked();
}
