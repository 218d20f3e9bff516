/* pipe_overlapped.c - operations that go on, and when a handle is signaled (sections 22 and 23). */
#include "pipes.h"

static int is_signaled(HANDLE handle)
{
    return WaitForSingleObject(handle, 0) == WAIT_OBJECT_0;
}

/* P5.11, P22.1, P22.2 */
static void only_an_overlapped_end_with_an_overlapped_pends(void)
{
    HANDLE ends[2];
    OPERATION read;
    OVERLAPPED overlapped;
    char byte;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    IS(say(ends[1], "waited for"), 10);
    IS(read_end(ends[0], &byte, 1), 1);
    close_pair(ends);
    /* P22.3: a synchronous end fills it, and its offset means nothing. */
    make_pair(ends, 0, 0, 10);
    ZeroMemory(&overlapped, sizeof overlapped);
    overlapped.Offset = overlapped.OffsetHigh = 5;
    overlapped.hEvent = CreateEvent(NULL, TRUE, FALSE, NULL);
    IS(say(ends[1], "abc"), 3);
    CHECK(ReadFile(ends[0], read.buffer, 2, NULL, &overlapped));
    CHECK(memcmp(read.buffer, "ab", 2) == 0 && overlapped.Internal == 0 && overlapped.InternalHigh == 2);
    CHECK(is_signaled(overlapped.hEvent));
    CHECK(CloseHandle(overlapped.hEvent));
    close_pair(ends);
}

/* P22.4, P22.5, P22.9, P22.11 */
static void overlapped_tells_how_it_stands(void)
{
    HANDLE ends[2];
    OPERATION read;
    DWORD bytes = 77;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    prepare(&read);
    read.overlapped.Internal = 42;
    read.overlapped.InternalHigh = 43;
    FAILS(ReadFile(ends[0], read.buffer, 10, &bytes, &read.overlapped), ERROR_IO_PENDING);
    CHECK(bytes == 0 && read.overlapped.Internal == STATUS_PENDING && read.overlapped.InternalHigh == 43);
    CHECK(!is_signaled(read.overlapped.hEvent));
    bytes = 77;
    FAILS(GetOverlappedResult(ends[0], &read.overlapped, &bytes, FALSE), ERROR_IO_INCOMPLETE);
    IS(say(ends[1], "now"), 3);
    CHECK(GetOverlappedResult(ends[0], &read.overlapped, &bytes, TRUE) && bytes == 3);
    CHECK(read.overlapped.Internal == 0 && read.overlapped.InternalHigh == 3 && is_signaled(read.overlapped.hEvent));
    forget(&read);
    IS(say(ends[1], "there"), 5);
    prepare(&read);
    CHECK(ReadFile(ends[0], read.buffer, 10, &bytes, &read.overlapped) && bytes == 5);
    CHECK(read.overlapped.Internal == 0 && read.overlapped.InternalHigh == 5 && is_signaled(read.overlapped.hEvent));
    CHECK(GetOverlappedResult(ends[0], &read.overlapped, &bytes, FALSE) && bytes == 5);
    forget(&read);
    close_pair(ends);
}

/* P22.11: without an event, the handle is waited on. */
static void result_can_be_waited_for_without_an_event(void)
{
    HANDLE ends[2];
    OVERLAPPED overlapped;
    DWORD bytes = 77;
    char buffer[8];

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    ZeroMemory(&overlapped, sizeof overlapped);
    FAILS(ReadFile(ends[0], buffer, 8, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK(!is_signaled(ends[0]));
    IS(say(ends[1], "now"), 3);
    CHECK(GetOverlappedResult(ends[0], &overlapped, &bytes, TRUE) && bytes == 3 && is_signaled(ends[0]));
    close_pair(ends);
}

static VOID CALLBACK nothing(ULONG_PTR unused)
{
    (void)unused;
}

/* P22.13 */
static void results_can_be_waited_for_for_a_time(void)
{
    HANDLE ends[2];
    OPERATION read;
    DWORD bytes;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    IS(start_read(ends[0], &read, 10), PENDS);
    CHECK(QueueUserAPC(nothing, GetCurrentThread(), 0));
    FAILS(GetOverlappedResultEx(ends[0], &read.overlapped, &bytes, 0, TRUE), ERROR_IO_INCOMPLETE);
    FAILS(GetOverlappedResultEx(ends[0], &read.overlapped, &bytes, 20, FALSE), WAIT_TIMEOUT);
    FAILS(GetOverlappedResultEx(ends[0], &read.overlapped, &bytes, INFINITE, TRUE), WAIT_IO_COMPLETION);
    IS(say(ends[1], "x"), 1);
    CHECK(GetOverlappedResultEx(ends[0], &read.overlapped, &bytes, INFINITE, TRUE) && bytes == 1);
    forget(&read);
    close_pair(ends);
}

/* P22.14, P22.15 */
static void reads_and_writes_run_side_by_side(void)
{
    HANDLE ends[2];
    OPERATION reads[20];
    size_t each;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    for (each = 0; each < 20; each++)
        IS(start_read(ends[0], &reads[each], 10), PENDS);
    IS(say(ends[0], "not held up"), 11);
    CHECK(hears(ends[1], 20, "not held up"));
    CHECK(CancelIoEx(ends[0], &reads[7].overlapped));
    IS(end_of(ends[0], &reads[7]), -ERROR_OPERATION_ABORTED);
    for (each = 0; each < 20; each++) {
        const char letter = (char)('a' + each);

        if (each == 7)
            continue;
        IS(write_end(ends[1], &letter, 1), 1);
        IS(end_of(ends[0], &reads[each]), 1);
        CHECK(reads[each].buffer[0] == letter);
    }
    close_pair(ends);
}

static DWORD WINAPI cancel_own(LPVOID end)
{
    return CancelIo((HANDLE)end) ? 0 : GetLastError();
}

/* P22.21, P22.22, P22.23, P22.26, P22.27 */
static void operations_are_cancelled_by_end_and_by_thread(void)
{
    HANDLE ends[2], thread;
    OPERATION reads[3];
    DWORD code = 77;
    size_t each;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    FAILS(CancelIoEx(ends[0], NULL), ERROR_NOT_FOUND);
    CHECK(CancelIo(ends[0]));
    for (each = 0; each < 3; each++)
        IS(start_read(ends[0], &reads[each], 10), PENDS);
    thread = CreateThread(NULL, 0, cancel_own, ends[0], 0, NULL);
    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code) && code == 0 && CloseHandle(thread));
    FAILS(CancelIoEx(ends[1], NULL), ERROR_NOT_FOUND);
    CHECK(goes_on(&reads[0]) && CancelIoEx(ends[0], NULL));
    for (each = 0; each < 3; each++)
        IS(end_of(ends[0], &reads[each]), -ERROR_OPERATION_ABORTED);
    IS(start_read(ends[0], &reads[0], 10), PENDS);
    CHECK(CancelIo(ends[0]));
    IS(end_of(ends[0], &reads[0]), -ERROR_OPERATION_ABORTED);
    /* A cancelled read has taken nothing. */
    IS(say(ends[1], "all"), 3);
    CHECK(hears(ends[0], 10, "all"));
    /* One OVERLAPPED for two. */
    IS(start_read(ends[0], &reads[0], 10), PENDS);
    FAILS(ReadFile(ends[0], reads[1].buffer, 10, NULL, &reads[0].overlapped), ERROR_IO_PENDING);
    CHECK(CancelIoEx(ends[0], &reads[0].overlapped));
    FAILS(CancelIoEx(ends[0], &reads[0].overlapped), ERROR_NOT_FOUND);
    IS(end_of(ends[0], &reads[0]), -ERROR_OPERATION_ABORTED);
    close_pair(ends);
}

/* ---- Completion routines. ---- */

static struct {
    DWORD calls, error, bytes;
    LPOVERLAPPED overlapped;
} routine;

static VOID CALLBACK completed(DWORD error, DWORD bytes, LPOVERLAPPED overlapped)
{
    routine.calls++;
    routine.error = error;
    routine.bytes = bytes;
    routine.overlapped = overlapped;
}

static int was_told(DWORD error, DWORD bytes, LPOVERLAPPED overlapped)
{
    const DWORD before = routine.calls;

    return SleepEx(LONG_TIME, TRUE) == WAIT_IO_COMPLETION && routine.calls == before + 1 && routine.error == error &&
           routine.bytes == bytes && routine.overlapped == overlapped;
}

/* P22.30 to P22.36 */
static void routines_are_told_in_alertable_waits(void)
{
    HANDLE ends[2], synchronous[2];
    OVERLAPPED overlapped;
    char buffer[10];

    ZeroMemory(&overlapped, sizeof overlapped);
    overlapped.hEvent = (HANDLE)(ULONG_PTR)0x1234;
    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
    FAILS(ReadFileEx(ends[0], buffer, 10, NULL, completed), ERROR_INVALID_PARAMETER);
    CHECK(ReadFileEx(ends[0], buffer, 10, &overlapped, completed) && routine.calls == 0);
    IS(say(ends[1], "abc"), 3);
    CHECK(SleepEx(SHORT_TIME, FALSE) == 0 && routine.calls == 0);
    CHECK(was_told(0, 3, &overlapped));
    /* At once. */
    IS(say(ends[1], "abcdef"), 6);
    SetLastError(UNTOUCHED);
    CHECK(ReadFileEx(ends[0], buffer, 4, &overlapped, completed) && GetLastError() == ERROR_MORE_DATA);
    CHECK(was_told(ERROR_MORE_DATA, 4, &overlapped));
    CHECK(ReadFileEx(ends[0], buffer, 4, &overlapped, completed) && was_told(0, 2, &overlapped));
    CHECK(WriteFileEx(ends[0], "xy", 2, &overlapped, completed) && was_told(0, 2, &overlapped));
    CHECK(hears(ends[1], 10, "xy"));
    CHECK(ReadFileEx(ends[0], buffer, 10, &overlapped, completed) && CancelIo(ends[0]));
    CHECK(was_told(ERROR_OPERATION_ABORTED, 0, &overlapped));
    CHECK(WriteFileEx(ends[0], "more than ten", 13, &overlapped, completed) && CloseHandle(ends[1]));
    CHECK(was_told(ERROR_BROKEN_PIPE, 0, &overlapped));
    FAILS(ReadFileEx(ends[0], buffer, 10, &overlapped, completed), ERROR_BROKEN_PIPE);
    FAILS(WriteFileEx(ends[0], "x", 1, &overlapped, completed), ERROR_NO_DATA);
    CHECK(SleepEx(0, TRUE) == 0 && CloseHandle(ends[0]));
    make_pair(synchronous, 0, 0, 10);
    FAILS(ReadFileEx(synchronous[0], buffer, 10, &overlapped, completed), ERROR_INVALID_PARAMETER);
    close_pair(synchronous);
}

/* ---- Completion ports. ---- */

static HANDLE port;

/* The next packet is this one; -code for one that says that something failed. */
static int packet_is(ULONG_PTR key, LPOVERLAPPED overlapped, long result)
{
    DWORD bytes = 77;
    ULONG_PTR told = 0;
    LPOVERLAPPED of = NULL;
    BOOL done = GetQueuedCompletionStatus(port, &bytes, &told, &of, LONG_TIME);

    return of == overlapped && told == key && outcome(done, bytes) == result;
}

static int port_is_empty(void)
{
    DWORD bytes;
    ULONG_PTR key;
    LPOVERLAPPED of = NULL;

    return !GetQueuedCompletionStatus(port, &bytes, &key, &of, SHORT_TIME) && of == NULL &&
           GetLastError() == WAIT_TIMEOUT;
}

/* P16.14, P22.40 to P22.43, P22.46, P22.47 */
static void ports_get_a_packet_for_each_success(void)
{
    HANDLE ends[2], synchronous[2];
    OPERATION read, write;

    make_pair(synchronous, 0, 0, 10);
    CHECK(CreateIoCompletionPort(synchronous[0], NULL, 1, 0) == NULL && GetLastError() == ERROR_INVALID_PARAMETER);
    close_pair(synchronous);
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
    CHECK(CreateIoCompletionPort(ends[0], port, 17, 0) == port);
    IS(start_read(ends[0], &read, 4), PENDS);
    IS(say(ends[1], "abc"), 3);
    CHECK(packet_is(17, &read.overlapped, 3));
    IS(end_of(ends[0], &read), 3);
    IS(start_write(ends[0], &write, "xy", 2), 2);
    CHECK(packet_is(17, &write.overlapped, 2));
    forget(&write);
    IS(waiting(ends[0]), 0);
    CHECK(hears(ends[1], 10, "xy"));
    IS(start_read(ends[0], &read, 4), PENDS);
    IS(say(ends[1], "abcdef"), 6);
    CHECK(packet_is(17, &read.overlapped, -ERROR_MORE_DATA));
    forget(&read);
    CHECK(hears(ends[0], 10, "ef") && port_is_empty());
    /* Failures of the start queue nothing. */
    IS(start_connect(ends[0], &read), -ERROR_PIPE_CONNECTED);
    forget(&read);
    set_mode(ends[0], PIPE_NOWAIT);
    IS(start_read(ends[0], &read, 4), -ERROR_NO_DATA);
    forget(&read);
    set_mode(ends[0], 0);
    CHECK(port_is_empty());
    /* An event whose lowest bit is set keeps the packet back. */
    prepare(&read);
    read.overlapped.hEvent = (HANDLE)((ULONG_PTR)read.overlapped.hEvent | 1);
    FAILS(ReadFile(ends[0], read.buffer, 4, NULL, &read.overlapped), ERROR_IO_PENDING);
    IS(say(ends[1], "q"), 1);
    CHECK(WaitForSingleObject(read.overlapped.hEvent, LONG_TIME) == WAIT_OBJECT_0 && port_is_empty());
    forget(&read);
    IS(start_read(ends[0], &read, 4), PENDS);
    CHECK(CloseHandle(ends[1]) && packet_is(17, &read.overlapped, -ERROR_BROKEN_PIPE));
    forget(&read);
    IS(start_read(ends[0], &read, 4), -ERROR_BROKEN_PIPE);
    forget(&read);
    CHECK(port_is_empty() && CloseHandle(ends[0]) && CloseHandle(port));
}

/* P22.37, P22.44, P22.45, P22.48, P22.49 */
static void ports_and_other_ways_to_be_told(void)
{
    HANDLE ends[2], copy = NULL;
    OPERATION read, write;

    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
    IS(start_read(ends[0], &read, 4), PENDS);
    CHECK(CreateIoCompletionPort(ends[0], port, 5, 0) == port);
    FAILS(ReadFileEx(ends[0], read.buffer, 4, &write.overlapped, completed), ERROR_INVALID_PARAMETER);
    CHECK(DuplicateHandle(GetCurrentProcess(), ends[0], GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    IS(say(ends[1], "abc"), 3);
    CHECK(packet_is(5, &read.overlapped, 3));
    forget(&read);
    IS(start_write(copy, &write, "x", 1), 1);
    CHECK(packet_is(5, &write.overlapped, 1));
    forget(&write);
    CHECK(SetFileCompletionNotificationModes(ends[0], FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
    IS(start_write(ends[0], &write, "x", 1), 1);
    forget(&write);
    CHECK(port_is_empty());
    IS(say(ends[1], "abcdef"), 6);
    IS(start_read(ends[0], &read, 4), PENDS);
    CHECK(packet_is(5, &read.overlapped, -ERROR_MORE_DATA));
    forget(&read);
    CHECK(hears(ends[0], 4, "ef"));
    IS(start_read(ends[0], &read, 4), PENDS);
    IS(say(ends[1], "z"), 1);
    CHECK(packet_is(5, &read.overlapped, 1));
    forget(&read);
    CHECK(CloseHandle(copy) && CloseHandle(port));
    close_pair(ends);
}

/* ---- Signals. ---- */

/* P23.1 to P23.5, P23.9 */
static void handles_are_signaled_by_operations_alone(void)
{
    HANDLE ends[2], server = make(DUPLEX | FILE_FLAG_OVERLAPPED, 0, 10);
    OPERATION read;
    OVERLAPPED overlapped;
    char buffer[10];

    CHECK(is_signaled(server) && CloseHandle(server));
    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    CHECK(is_signaled(ends[0]) && is_signaled(ends[1]));
    IS(start_read(ends[0], &read, 4), PENDS);
    CHECK(!is_signaled(ends[0]) && is_signaled(ends[1]));
    IS(say(ends[1], "x"), 1);
    IS(end_of(ends[0], &read), 1);
    /* It had an event of its own. */
    CHECK(!is_signaled(ends[0]));
    IS(say(ends[1], "y"), 1);
    CHECK(!is_signaled(ends[0]) && hears(ends[0], 10, "y"));
    ZeroMemory(&overlapped, sizeof overlapped);
    FAILS(ReadFile(ends[0], buffer, 4, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK(!is_signaled(ends[0]));
    IS(say(ends[1], "z"), 1);
    CHECK(WaitForSingleObject(ends[0], LONG_TIME) == WAIT_OBJECT_0 && overlapped.InternalHigh == 1);
    CHECK(ReadFileEx(ends[0], buffer, 4, &overlapped, completed) && !is_signaled(ends[0]));
    IS(say(ends[1], "z"), 1);
    CHECK(WaitForSingleObject(ends[0], LONG_TIME) == WAIT_OBJECT_0 && was_told(0, 1, &overlapped));
    IS(start_read(ends[0], &read, 4), PENDS);
    CHECK(CloseHandle(ends[1]));
    IS(end_of(ends[0], &read), -ERROR_BROKEN_PIPE);
    CHECK(!is_signaled(ends[0]) && CloseHandle(ends[0]));
}

static DWORD WINAPI read_one(LPVOID end)
{
    char byte;

    return read_end((HANDLE)end, &byte, 1) == 1 ? 0 : 1;
}

/* P23.6 */
static void synchronous_handles_are_signaled_between_operations(void)
{
    HANDLE ends[2], thread;

    make_pair(ends, 0, 0, 10);
    CHECK(is_signaled(ends[0]));
    thread = CreateThread(NULL, 0, read_one, ends[0], 0, NULL);
    CHECK(WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT && !is_signaled(ends[0]));
    IS(say(ends[1], "x"), 1);
    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0 && CloseHandle(thread));
    CHECK(is_signaled(ends[0]) && is_signaled(ends[1]));
    close_pair(ends);
}

/* P23.7 */
static void signals_can_be_switched_off(void)
{
    HANDLE ends[2];
    OVERLAPPED overlapped;
    DWORD bytes;
    char buffer[10];

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    CHECK(SetFileCompletionNotificationModes(ends[0], FILE_SKIP_SET_EVENT_ON_HANDLE));
    ZeroMemory(&overlapped, sizeof overlapped);
    FAILS(ReadFile(ends[0], buffer, 4, NULL, &overlapped), ERROR_IO_PENDING);
    IS(say(ends[1], "z"), 1);
    while (!GetOverlappedResult(ends[0], &overlapped, &bytes, FALSE))
        Sleep(1);
    CHECK(bytes == 1 && !is_signaled(ends[0]));
    close_pair(ends);
}

int main(void)
{
    only_an_overlapped_end_with_an_overlapped_pends();
    overlapped_tells_how_it_stands();
    result_can_be_waited_for_without_an_event();
    results_can_be_waited_for_for_a_time();
    reads_and_writes_run_side_by_side();
    operations_are_cancelled_by_end_and_by_thread();
    routines_are_told_in_alertable_waits();
    ports_get_a_packet_for_each_success();
    ports_and_other_ways_to_be_told();
    handles_are_signaled_by_operations_alone();
    synchronous_handles_are_signaled_between_operations();
    signals_can_be_switched_off();
    return checked();
}
