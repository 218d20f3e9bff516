/* pipe_transactions.c - TransactNamedPipe and CallNamedPipe (sections 17 and 18). */
#include "pipes.h"

#define LARGE 200000

static char request[LARGE], reply[LARGE];

static long transact(HANDLE end, const char *text, char *answer, DWORD size)
{
    DWORD read = 77;
    BOOL done = TransactNamedPipe(end, (LPVOID)text, (DWORD)strlen(text), answer, size, &read, NULL);

    if (!done && GetLastError() == ERROR_MORE_DATA)
        CHECK(read == size);
    return outcome(done, read);
}

/* P17.1, P17.6, P17.10, P17.9: either end, with an answer that came for another reason, and with transactions at both ends. */
static void either_end_asks(void)
{
    HANDLE ends[2];
    OPERATION ask, answer;
    size_t asker;

    for (asker = 0; asker < 2; asker++) {
        make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
        IS(start_transact(ends[asker], &ask, "ask", 20), PENDS);
        CHECK(hears(ends[1 - asker], 20, "ask") && goes_on(&ask));
        IS(say(ends[1 - asker], "anything"), 8);
        IS(end_of(ends[asker], &ask), 8);
        CHECK(memcmp(ask.buffer, "anything", 8) == 0);
        IS(start_transact(ends[asker], &ask, "one", 20), PENDS);
        CHECK(hears(ends[1 - asker], 20, "one"));
        IS(start_transact(ends[1 - asker], &answer, "two", 20), PENDS);
        IS(end_of(ends[asker], &ask), 3);
        IS(say(ends[asker], "three"), 5);
        IS(end_of(ends[1 - asker], &answer), 5);
        close_pair(ends);
    }
}

/* P17.2, P17.3, P17.4, P7.5 */
static void transactions_have_conditions(void)
{
    HANDLE ends[2];
    OPERATION read;
    char byte;

    make_pair(ends, FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 100);
    IS(transact(ends[1], "x", &byte, 1), -ERROR_BAD_PIPE);
    CHECK(DisconnectNamedPipe(ends[0]));
    IS(transact(ends[1], "x", &byte, 1), -ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
    make_pair(ends, FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE, 100);
    IS(transact(ends[1], "x", &byte, 1), -ERROR_BAD_PIPE);
    set_mode(ends[1], PIPE_READMODE_MESSAGE);
    IS(say(ends[0], "unread"), 6);
    IS(transact(ends[1], "x", &byte, 1), -ERROR_PIPE_BUSY);
    CHECK(hears(ends[1], 100, "unread"));
    IS(waiting(ends[0]), 0);
    IS(start_read(ends[1], &read, 5), PENDS);
    IS(transact(ends[1], "x", &byte, 1), -ERROR_PIPE_BUSY);
    IS(waiting(ends[0]), 0);
    IS(say(ends[0], "done"), 4);
    IS(end_of(ends[1], &read), 4);
    close_pair(ends);
}

/* P17.5 */
static void requests_pass_the_quota(void)
{
    HANDLE ends[2];
    OPERATION write, ask;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 3);
    IS(start_write(ends[1], &write, "blocked", 7), PENDS);
    IS(start_transact(ends[1], &ask, "request", 20), PENDS);
    IS(waiting(ends[0]), 14);
    CHECK(hears(ends[0], 100, "blocked"));
    CHECK(hears(ends[0], 100, "request"));
    IS(end_of(ends[1], &write), 7);
    IS(say(ends[0], "yes"), 3);
    IS(end_of(ends[1], &ask), 3);
    close_pair(ends);
}

/* P17.7, P17.8 */
static void replies_longer_than_the_buffer(void)
{
    HANDLE ends[2];
    OPERATION ask;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    IS(start_transact(ends[1], &ask, "", 4), PENDS);
    CHECK(hears(ends[0], 100, ""));
    IS(say(ends[0], "too long"), 8);
    IS(end_of(ends[1], &ask), -ERROR_MORE_DATA);
    CHECK(ask.overlapped.InternalHigh == 4 && memcmp(ask.buffer, "too ", 4) == 0);
    CHECK(hears(ends[1], 100, "long"));
    IS(start_transact(ends[1], &ask, "q", 0), PENDS);
    CHECK(hears(ends[0], 100, "q"));
    IS(say(ends[0], ""), 0);
    IS(end_of(ends[1], &ask), 0);
    close_pair(ends);
}

/* P17.11: with an OVERLAPPED these failures come as the end of an operation that pended. */
static void some_failures_are_told_later(void)
{
    HANDLE ends[2];
    OPERATION ask;

    make_pair(ends, FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE, 100);
    IS(start_transact(ends[1], &ask, "x", 1), PENDS);
    IS(end_of(ends[1], &ask), -ERROR_BAD_PIPE);
    CHECK(ask.overlapped.Internal == 0xC00000B4 || ask.overlapped.Internal == 0xC00000AD);
    set_mode(ends[1], PIPE_READMODE_MESSAGE);
    IS(say(ends[0], "unread"), 6);
    IS(start_transact(ends[1], &ask, "x", 1), PENDS);
    IS(end_of(ends[1], &ask), -ERROR_PIPE_BUSY);
    CHECK(DisconnectNamedPipe(ends[0]));
    IS(start_transact(ends[1], &ask, "x", 1), -ERROR_PIPE_NOT_CONNECTED);
    forget(&ask);
    close_pair(ends);
}

/* P14.13: the reply is waited for in any wait mode. */
static void replies_are_waited_for_without_waiting_too(void)
{
    HANDLE ends[2];
    OPERATION ask;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 3);
    set_mode(ends[1], PIPE_NOWAIT | PIPE_READMODE_MESSAGE);
    IS(start_transact(ends[1], &ask, "request", 10), PENDS);
    CHECK(hears(ends[0], 100, "request") && goes_on(&ask));
    IS(say(ends[0], "yes"), 3);
    IS(end_of(ends[1], &ask), 3);
    close_pair(ends);
}

/* P17.12, P17.14, P22.27 */
static void transactions_end_early(void)
{
    HANDLE ends[2];
    OPERATION ask;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    IS(start_transact(ends[1], &ask, "kept", 10), PENDS);
    CHECK(CancelIoEx(ends[1], &ask.overlapped));
    IS(end_of(ends[1], &ask), -ERROR_OPERATION_ABORTED);
    CHECK(ask.overlapped.InternalHigh == 0 && hears(ends[0], 100, "kept"));
    IS(start_transact(ends[1], &ask, "x", 10), PENDS);
    CHECK(DisconnectNamedPipe(ends[0]));
    IS(end_of(ends[1], &ask), -ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    IS(start_transact(ends[1], &ask, "x", 10), PENDS);
    CHECK(CloseHandle(ends[0]));
    IS(end_of(ends[1], &ask), -ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(ends[1]));
}

/* ---- A server that answers each request with its bytes in reverse. ---- */

static DWORD WINAPI serve(LPVOID given)
{
    HANDLE server = (HANDLE)given;
    char *text = (char *)HeapAlloc(GetProcessHeap(), 0, LARGE);
    long size, each;

    for (;;) {
        if (!ConnectNamedPipe(server, NULL) && GetLastError() != ERROR_PIPE_CONNECTED && GetLastError() != ERROR_NO_DATA)
            break;
        while ((size = read_end(server, text, LARGE)) >= 0) {
            if (size == 4 && memcmp(text, "stop", 4) == 0) {
                HeapFree(GetProcessHeap(), 0, text);
                return 0;
            }
            for (each = 0; each < size / 2; each++) {
                const char other = text[each];

                text[each] = text[size - 1 - each];
                text[size - 1 - each] = other;
            }
            if (write_end(server, text, (DWORD)size) != size)
                break;
        }
        FlushFileBuffers(server);
        if (!DisconnectNamedPipe(server))
            break;
    }
    return 1;
}

static long call(const char *text, char *answer, DWORD size, DWORD timeout)
{
    DWORD read = 77;
    BOOL done = CallNamedPipe(NAME, (LPVOID)text, (DWORD)strlen(text), answer, size, &read, timeout);

    if (!done && GetLastError() == ERROR_MORE_DATA)
        CHECK(read == size);
    return outcome(done, read);
}

/* P17.15, P18.1, P18.2, P18.4, P18.6, P18.7, P18.10 */
static void calls_are_answered(void)
{
    HANDLE server = make(DUPLEX, MESSAGE_MODES, 100), thread, client;
    char answer[20];
    DWORD code = 77, read = 77, mode = PIPE_READMODE_MESSAGE;
    int round;

    thread = CreateThread(NULL, 0, serve, server, 0, NULL);
    for (round = 0; round < 5; round++) {
        IS(call("abc", answer, sizeof answer, NMPWAIT_WAIT_FOREVER), 3);
        CHECK(memcmp(answer, "cba", 3) == 0);
        IS(call("long one", answer, 3, LONG_TIME), -ERROR_MORE_DATA);
        CHECK(memcmp(answer, "eno", 3) == 0);
    }
    memset(request, 'a', LARGE);
    request[0] = 'z';
    CHECK(CallNamedPipe(NAME, request, LARGE, reply, LARGE, &read, LONG_TIME) && read == LARGE);
    CHECK(reply[0] == 'a' && reply[LARGE - 1] == 'z');
    CHECK(WaitNamedPipe(NAME, LONG_TIME));
    client = open_end(BOTH, 0);
    CHECK(SetNamedPipeHandleState(client, &mode, NULL, NULL));
    IS(transact(client, "again", answer, sizeof answer), 5);
    IS(transact(client, "twice", answer, 2), -ERROR_MORE_DATA);
    CHECK(hears(client, 10, "iwt"));
    IS(say(client, "stop"), 4);
    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code) && code == 0);
    CHECK(CloseHandle(thread) && CloseHandle(client) && CloseHandle(server));
}

/* P18.3, P18.5, P18.8, P18.9 */
static void calls_that_fail(void)
{
    HANDLE server, client;
    char answer[4];

    IS(call("x", answer, 4, NMPWAIT_WAIT_FOREVER), -ERROR_FILE_NOT_FOUND);
    server = make(DUPLEX, MESSAGE_MODES, 10);
    client = open_end(BOTH, 0);
    IS(call("x", answer, 4, NMPWAIT_NOWAIT), -ERROR_SEM_TIMEOUT);
    IS(call("x", answer, 4, NMPWAIT_USE_DEFAULT_WAIT), -ERROR_SEM_TIMEOUT);
    IS(call("x", answer, 4, 80), -ERROR_SEM_TIMEOUT);
    CHECK(CloseHandle(client) && CloseHandle(server));
    server = make(PIPE_ACCESS_INBOUND, MESSAGE_MODES, 10);
    IS(call("x", answer, 4, 100), -ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(server));
    server = make(DUPLEX, PIPE_TYPE_BYTE, 10);
    IS(call("x", answer, 4, 100), -ERROR_INVALID_PARAMETER);
    FAILS(ConnectNamedPipe(server, NULL), ERROR_NO_DATA);
    CHECK(CloseHandle(server));
}

int main(void)
{
    either_end_asks();
    transactions_have_conditions();
    requests_pass_the_quota();
    replies_longer_than_the_buffer();
    some_failures_are_told_later();
    replies_are_waited_for_without_waiting_too();
    transactions_end_early();
    calls_are_answered();
    calls_that_fail();
    return checked();
}
