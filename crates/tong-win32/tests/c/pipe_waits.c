/* pipe_waits.c - WaitNamedPipe, and the turns of synchronous ends (sections 19 and 24). */
#include "pipes.h"

typedef struct {
    DWORD timeout;
    HANDLE thread;
} WAITER;

static DWORD WINAPI wait_for_pipe(LPVOID waiter)
{
    return WaitNamedPipe(NAME, ((WAITER *)waiter)->timeout) ? 0 : GetLastError();
}

static void start_wait(WAITER *waiter, DWORD timeout)
{
    waiter->timeout = timeout;
    waiter->thread = CreateThread(NULL, 0, wait_for_pipe, waiter, 0, NULL);
    CHECK(waiter->thread != NULL);
}

static int is_waiting(WAITER *waiter)
{
    return WaitForSingleObject(waiter->thread, SHORT_TIME) == WAIT_TIMEOUT;
}

static DWORD waited(WAITER *waiter)
{
    DWORD code = 77;

    CHECK(WaitForSingleObject(waiter->thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(waiter->thread, &code) && CloseHandle(waiter->thread));
    return code;
}

/* P3.7, P19.1, P19.2, P19.3, P19.4, P19.8 */
static void wait_takes_the_time_that_is_allowed(void)
{
    const DWORD defaults[] = {0, 200};
    const ULONGLONG least[] = {45, 190};
    HANDLE server, client;
    ULONGLONG before;
    size_t each;

    for (each = 0; each < 2; each++) {
        FAILS(WaitNamedPipe(NAME, NMPWAIT_WAIT_FOREVER), ERROR_FILE_NOT_FOUND);
        server = CreateNamedPipe(NAME, PIPE_ACCESS_INBOUND, PIPE_NOWAIT, 1, 0, 0, defaults[each], NULL);
        CHECK(WaitNamedPipe(NAME, 0) && WaitNamedPipe(NAME, 1) && WaitNamedPipe(NAME, NMPWAIT_WAIT_FOREVER));
        FAILS(ConnectNamedPipe(server, NULL), ERROR_PIPE_LISTENING);
        client = open_end(0, 0);
        before = GetTickCount64();
        FAILS(WaitNamedPipe(NAME, NMPWAIT_USE_DEFAULT_WAIT), ERROR_SEM_TIMEOUT);
        CHECK(GetTickCount64() - before >= least[each]);
        FAILS(WaitNamedPipe(NAME, NMPWAIT_NOWAIT), ERROR_SEM_TIMEOUT);
        before = GetTickCount64();
        FAILS(WaitNamedPipe(NAME, 120), ERROR_SEM_TIMEOUT);
        CHECK(GetTickCount64() - before >= 110);
        CHECK(CloseHandle(server) && CloseHandle(client));
    }
}

/* P19.5, P19.7: all who wait are released, and nothing is kept for them. */
static void listening_instances_release_all_waiters(void)
{
    HANDLE ends[2], second;
    WAITER waiters[3];
    size_t each;

    make_pair(ends, 0, PIPE_NOWAIT, 10);
    for (each = 0; each < 3; each++)
        start_wait(&waiters[each], LONG_TIME);
    CHECK(is_waiting(&waiters[0]) && CloseHandle(ends[1]) && is_waiting(&waiters[0]));
    CHECK(DisconnectNamedPipe(ends[0]) && is_waiting(&waiters[0]));
    FAILS(ConnectNamedPipe(ends[0], NULL), ERROR_PIPE_LISTENING);
    for (each = 0; each < 3; each++)
        CHECK(waited(&waiters[each]) == 0);
    ends[1] = open_end(BOTH, 0);
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
    start_wait(&waiters[0], LONG_TIME);
    CHECK(is_waiting(&waiters[0]));
    second = make(DUPLEX, 0, 10);
    CHECK(waited(&waiters[0]) == 0);
    CHECK(CloseHandle(second));
    close_pair(ends);
}

/* P19.6 */
static void wait_ends_when_the_last_server_closes(void)
{
    HANDLE ends[2];
    WAITER waiter;

    make_pair(ends, 0, 0, 10);
    start_wait(&waiter, NMPWAIT_WAIT_FOREVER);
    CHECK(is_waiting(&waiter) && CloseHandle(ends[0]));
    CHECK(waited(&waiter) == ERROR_FILE_NOT_FOUND);
    CHECK(CloseHandle(ends[1]));
}

/* ---- Synchronous ends. ---- */

static char byte;

static DWORD WINAPI read_one(LPVOID end)
{
    const long result = read_end((HANDLE)end, &byte, 1);

    return result < 0 ? (DWORD)-result : 0;
}

static DWORD WINAPI write_one(LPVOID end)
{
    return say((HANDLE)end, "w") == 1 ? 0 : GetLastError();
}

static DWORD WINAPI peek_one(LPVOID end)
{
    return PeekNamedPipe((HANDLE)end, NULL, 0, NULL, NULL, NULL) ? 0 : GetLastError();
}

static DWORD WINAPI set_one(LPVOID end)
{
    DWORD mode = PIPE_READMODE_BYTE;

    return SetNamedPipeHandleState((HANDLE)end, &mode, NULL, NULL) ? 0 : GetLastError();
}

static DWORD WINAPI flush_one(LPVOID end)
{
    return FlushFileBuffers((HANDLE)end) ? 0 : GetLastError();
}

static DWORD WINAPI disconnect_one(LPVOID end)
{
    return DisconnectNamedPipe((HANDLE)end) ? 0 : GetLastError();
}

static DWORD code_of(HANDLE thread)
{
    DWORD code = 77;

    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code) && CloseHandle(thread));
    return code;
}

static int is_running(HANDLE thread)
{
    return WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT;
}

/* P16.2, P24.1, P24.2: every call waits for the read that is under way, through any handle; overlapped ends do not. */
static void synchronous_ends_do_one_thing_at_a_time(DWORD flags)
{
    const LPTHREAD_START_ROUTINE calls[] = {write_one, peek_one, set_one, flush_one, disconnect_one};
    HANDLE ends[2], reader, other, copy;
    size_t each;

    for (each = 0; each < _countof(calls); each++) {
        make_pair(ends, flags, 0, 100);
        copy = NULL;
        CHECK(DuplicateHandle(GetCurrentProcess(), ends[0], GetCurrentProcess(), &copy, 0, FALSE,
                              DUPLICATE_SAME_ACCESS));
        reader = CreateThread(NULL, 0, read_one, ends[0], 0, NULL);
        CHECK(is_running(reader));
        other = CreateThread(NULL, 0, calls[each], copy, 0, NULL);
        if (flags == 0) {
            CHECK(is_running(other));
            IS(say(ends[1], "x"), 1);
            CHECK(code_of(reader) == 0);
            CHECK(code_of(other) == 0);
        } else {
            CHECK(code_of(other) == 0);
            IS(say(ends[1], "x"), calls[each] == disconnect_one ? -ERROR_PIPE_NOT_CONNECTED : 1);
            CHECK(code_of(reader) == (calls[each] == disconnect_one ? (DWORD)ERROR_PIPE_NOT_CONNECTED : 0));
        }
        CHECK(CloseHandle(copy));
        close_pair(ends);
    }
}

/* P22.25, P24.4: the end stays open for the read that is under way; what ends that is CancelSynchronousIo. */
static void blocked_read_keeps_the_end_until_it_is_cancelled(void)
{
    HANDLE ends[2], reader;

    make_pair(ends, 0, 0, 100);
    reader = CreateThread(NULL, 0, read_one, ends[0], 0, NULL);
    CHECK(is_running(reader) && CloseHandle(ends[0]) && is_running(reader));
    IS(say(ends[1], "x"), 1);
    CHECK(code_of(reader) == 0);
    CHECK(CloseHandle(ends[1]));

    make_pair(ends, 0, 0, 100);
    FAILS(CancelSynchronousIo(GetCurrentThread()), ERROR_NOT_FOUND);
    reader = CreateThread(NULL, 0, read_one, ends[0], 0, NULL);
    CHECK(is_running(reader) && CancelSynchronousIo(reader));
    CHECK(code_of(reader) == ERROR_OPERATION_ABORTED);
    IS(say(ends[1], "x"), 1);
    CHECK(hears(ends[0], 10, "x"));
    close_pair(ends);
}

static DWORD apcs;

static VOID CALLBACK count_apc(ULONG_PTR unused)
{
    (void)unused;
    apcs++;
}

static DWORD WINAPI write_later(LPVOID end)
{
    Sleep(SHORT_TIME);
    return write_one(end);
}

/* P24.3 */
static void synchronous_reads_are_not_alertable(void)
{
    HANDLE ends[2], writer;

    make_pair(ends, 0, 0, 100);
    CHECK(QueueUserAPC(count_apc, GetCurrentThread(), 0));
    writer = CreateThread(NULL, 0, write_later, ends[1], 0, NULL);
    CHECK(read_one(ends[0]) == 0 && apcs == 0);
    CHECK(SleepEx(0, TRUE) == WAIT_IO_COMPLETION && apcs == 1);
    CHECK(code_of(writer) == 0);
    close_pair(ends);
}

int main(void)
{
    wait_takes_the_time_that_is_allowed();
    listening_instances_release_all_waiters();
    wait_ends_when_the_last_server_closes();
    synchronous_ends_do_one_thing_at_a_time(0);
    synchronous_ends_do_one_thing_at_a_time(FILE_FLAG_OVERLAPPED);
    blocked_read_keeps_the_end_until_it_is_cancelled();
    synchronous_reads_are_not_alertable();
    return checked();
}
