/* pipe_connect.c - ConnectNamedPipe and DisconnectNamedPipe (sections 8 and 9), with overlapped ends: what waits, pends. */
#include "pipes.h"

static HANDLE listen_overlapped(void)
{
    return make(DUPLEX | FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
}

static HANDLE join(void)
{
    HANDLE client = open_end(BOTH, FILE_FLAG_OVERLAPPED);

    CHECK(client != INVALID_HANDLE_VALUE);
    return client;
}

/* P8.2, P8.10, P22.9, P22.10 */
static void pending_connects_complete_when_a_client_opens(void)
{
    HANDLE server = listen_overlapped(), client;
    OPERATION first, second;

    IS(start_connect(server, &first), PENDS);
    CHECK(first.overlapped.Internal == STATUS_PENDING && goes_on(&first));
    IS(start_connect(server, &second), PENDS);
    client = join();
    IS(end_of(server, &first), 0);
    IS(end_of(server, &second), 0);
    IS(start_connect(server, &first), -ERROR_PIPE_CONNECTED);
    forget(&first);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

/* P8.3, P8.4, P22.7: nothing is left that would be told later. */
static void connected_already_is_told_by_535_alone(void)
{
    HANDLE server = listen_overlapped(), client = join();
    OPERATION operation;

    prepare(&operation);
    operation.overlapped.InternalHigh = 42;
    FAILS(ConnectNamedPipe(server, &operation.overlapped), ERROR_PIPE_CONNECTED);
    CHECK(WaitForSingleObject(operation.overlapped.hEvent, 0) == WAIT_TIMEOUT);
    CHECK(operation.overlapped.Internal == STATUS_PENDING && operation.overlapped.InternalHigh == 42);
    FAILS(CancelIoEx(server, &operation.overlapped), ERROR_NOT_FOUND);
    forget(&operation);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

/* P8.5, P8.6, P10.1 */
static void client_that_came_and_went_left_its_data(void)
{
    HANDLE server = make(DUPLEX, MESSAGE_MODES, 100), client = open_end(BOTH, 0);
    char byte;

    IS(say(client, "hello"), 5);
    CHECK(CloseHandle(client));
    FAILS(ConnectNamedPipe(server, NULL), ERROR_NO_DATA);
    FAILS(ConnectNamedPipe(server, NULL), ERROR_NO_DATA);
    CHECK(hears(server, 100, "hello"));
    IS(read_end(server, &byte, 1), -ERROR_BROKEN_PIPE);
    FAILS(ConnectNamedPipe(server, NULL), ERROR_NO_DATA);
    CHECK(CloseHandle(server));
}

/* P8.8, P8.9, P14.2, P14.12 */
static void without_waiting_connect_tells_the_state(void)
{
    HANDLE server = make(DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_NOWAIT, 10), client;
    OPERATION operation;

    IS(start_connect(server, &operation), -ERROR_PIPE_LISTENING);
    CHECK(WaitForSingleObject(operation.overlapped.hEvent, 0) == WAIT_TIMEOUT);
    forget(&operation);
    client = join();
    FAILS(ConnectNamedPipe(server, NULL), ERROR_PIPE_CONNECTED);
    CHECK(CloseHandle(client));
    FAILS(ConnectNamedPipe(server, NULL), ERROR_NO_DATA);
    CHECK(DisconnectNamedPipe(server));
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
    FAILS(ConnectNamedPipe(server, NULL), ERROR_PIPE_LISTENING);
    CHECK(CloseHandle(join()) && CloseHandle(server));
}

/* P8.11, P22.20, P22.22 */
static void cancelled_connect_leaves_the_instance_listening(void)
{
    HANDLE server = listen_overlapped(), client;
    OPERATION operation;

    IS(start_connect(server, &operation), PENDS);
    CHECK(CancelIoEx(server, &operation.overlapped));
    IS(end_of(server, &operation), -ERROR_OPERATION_ABORTED);
    FAILS(CancelIoEx(server, &operation.overlapped), ERROR_NOT_FOUND);
    client = join();
    IS(start_connect(server, &operation), -ERROR_PIPE_CONNECTED);
    forget(&operation);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

/* P8.12, P10.9 */
static void closing_the_server_ends_its_connects(void)
{
    HANDLE server = listen_overlapped();
    OPERATION operation;

    IS(start_connect(server, &operation), PENDS);
    CHECK(CloseHandle(server));
    CHECK(WaitForSingleObject(operation.overlapped.hEvent, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(operation.overlapped.Internal == 0xC000014B && operation.overlapped.InternalHigh == 0);
    forget(&operation);
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND);
}

static DWORD WINAPI open_later(LPVOID unused)
{
    HANDLE client;

    (void)unused;
    Sleep(SHORT_TIME);
    client = open_end(BOTH, 0);
    CHECK(client != INVALID_HANDLE_VALUE);
    return CloseHandle(client) ? 0 : 1;
}

/* P8.1, P8.7, P5.1, P22.2, P22.3 */
static void connect_blocks_until_a_client_opens(DWORD flags)
{
    HANDLE server = make(DUPLEX | flags, 0, 10), thread;
    OVERLAPPED overlapped;
    int round;

    for (round = 0; round < 3; round++) {
        ZeroMemory(&overlapped, sizeof overlapped);
        overlapped.hEvent = CreateEvent(NULL, TRUE, FALSE, NULL);
        thread = CreateThread(NULL, 0, open_later, NULL, 0, NULL);
        CHECK(ConnectNamedPipe(server, flags == 0 && round == 1 ? &overlapped : NULL));
        if (flags == 0 && round == 1)
            CHECK(overlapped.Internal == 0 && WaitForSingleObject(overlapped.hEvent, 0) == WAIT_OBJECT_0);
        CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
        CHECK(CloseHandle(thread) && CloseHandle(overlapped.hEvent));
        CHECK(DisconnectNamedPipe(server));
    }
    CHECK(CloseHandle(server));
}

static DWORD calls;

static VOID CALLBACK count_call(ULONG_PTR unused)
{
    (void)unused;
    calls++;
}

/* P8.13, P24.3 */
static void synchronous_connect_is_not_alertable(void)
{
    HANDLE server = make(DUPLEX, 0, 10), thread = CreateThread(NULL, 0, open_later, NULL, 0, NULL);

    CHECK(QueueUserAPC(count_call, GetCurrentThread(), 0));
    CHECK(ConnectNamedPipe(server, NULL) && calls == 0);
    CHECK(SleepEx(0, TRUE) == WAIT_IO_COMPLETION && calls == 1);
    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0 && CloseHandle(thread));
    CHECK(CloseHandle(server));
}

/* P9.2, P9.3: everything that is queued is lost, everything that pends ends with 233. */
static void disconnect_ends_everything(void)
{
    HANDLE ends[2];
    OPERATION reads[2], writes[2];
    char byte;
    size_t each;

    /* Writes of both ends that do not fit. */
    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
    for (each = 0; each < 2; each++)
        IS(start_write(ends[each], &writes[each], "more than ten", 13), PENDS);
    CHECK(DisconnectNamedPipe(ends[0]));
    for (each = 0; each < 2; each++)
        IS(end_of(ends[each], &writes[each]), -ERROR_PIPE_NOT_CONNECTED);
    for (each = 0; each < 2; each++)
        IS(read_end(ends[each], &byte, 1), -ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
    /* Reads of both ends. */
    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    for (each = 0; each < 2; each++)
        IS(start_read(ends[each], &reads[each], 10), PENDS);
    CHECK(DisconnectNamedPipe(ends[0]));
    for (each = 0; each < 2; each++)
        IS(end_of(ends[each], &reads[each]), -ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
    /* Transactions, and what was written completely. */
    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    IS(start_transact(ends[1], &reads[1], "request", 10), PENDS);
    CHECK(hears(ends[0], 100, "request"));
    IS(start_transact(ends[0], &reads[0], "counter", 10), PENDS);
    IS(end_of(ends[1], &reads[1]), 7);
    IS(say(ends[0], "lost"), 4);
    CHECK(DisconnectNamedPipe(ends[0]));
    IS(end_of(ends[0], &reads[0]), -ERROR_PIPE_NOT_CONNECTED);
    IS(waiting(ends[1]), -ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
}

/* P9.4, P9.5, P9.8, P9.10, P10.14 */
static void instance_serves_the_next_client_afresh(void)
{
    HANDLE ends[2];
    DWORD state = 77;
    int round;

    make_pair(ends, 0, MESSAGE_MODES, 100);
    for (round = 0; round < 3; round++) {
        IS(say(ends[1], "old"), 3);
        IS(say(ends[0], "old"), 3);
        set_mode(ends[1], PIPE_NOWAIT);
        CHECK(CloseHandle(ends[1]));
        CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
        CHECK(DisconnectNamedPipe(ends[0]));
        FAILS(DisconnectNamedPipe(ends[0]), ERROR_PIPE_NOT_CONNECTED);
        CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
        set_mode(ends[0], PIPE_NOWAIT | PIPE_READMODE_MESSAGE);
        FAILS(ConnectNamedPipe(ends[0], NULL), ERROR_PIPE_LISTENING);
        ends[1] = open_end(BOTH, 0);
        CHECK(GetNamedPipeHandleState(ends[0], &state, NULL, NULL, NULL, NULL, 0));
        CHECK(state == (PIPE_NOWAIT | PIPE_READMODE_MESSAGE));
        CHECK(GetNamedPipeHandleState(ends[1], &state, NULL, NULL, NULL, NULL, 0) && state == 0);
        IS(waiting(ends[0]), 0);
        IS(waiting(ends[1]), 0);
        IS(say(ends[1], "new"), 3);
        CHECK(hears(ends[0], 100, "new"));
    }
    close_pair(ends);
}

/* P9.6, P9.7 */
static void listening_instance_can_be_disconnected(void)
{
    HANDLE server = listen_overlapped(), client;
    OPERATION operation;

    IS(start_connect(server, &operation), PENDS);
    CHECK(DisconnectNamedPipe(server));
    IS(end_of(server, &operation), -ERROR_PIPE_NOT_CONNECTED);
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
    IS(start_connect(server, &operation), PENDS);
    client = join();
    IS(end_of(server, &operation), 0);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

/* P9.1, P9.9, P23.8 */
static void disconnected_client_is_not_signaled(void)
{
    HANDLE ends[2];
    char byte;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 100);
    CHECK(WaitForSingleObject(ends[1], 0) == WAIT_OBJECT_0);
    CHECK(DisconnectNamedPipe(ends[0]));
    IS(read_end(ends[1], &byte, 1), -ERROR_PIPE_NOT_CONNECTED);
    CHECK(WaitForSingleObject(ends[1], 0) == WAIT_TIMEOUT);
    IS(say(ends[1], "x"), -ERROR_PIPE_NOT_CONNECTED);
    CHECK(WaitForSingleObject(ends[1], 0) == WAIT_TIMEOUT);
    close_pair(ends);
}

int main(void)
{
    pending_connects_complete_when_a_client_opens();
    connected_already_is_told_by_535_alone();
    client_that_came_and_went_left_its_data();
    without_waiting_connect_tells_the_state();
    cancelled_connect_leaves_the_instance_listening();
    closing_the_server_ends_its_connects();
    connect_blocks_until_a_client_opens(0);
    connect_blocks_until_a_client_opens(FILE_FLAG_OVERLAPPED);
    synchronous_connect_is_not_alertable();
    disconnect_ends_everything();
    instance_serves_the_next_client_afresh();
    listening_instance_can_be_disconnected();
    disconnected_client_is_not_signaled();
    return checked();
}
