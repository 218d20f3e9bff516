/* pipe_closing.c - what is left when an end is closed (section 10). */
#include "pipes.h"

#define LARGE 300000

static char pattern[LARGE], received[LARGE];

/* P10.1, P10.2, P10.3, P10.7, P1.6, P11.1 */
static void completed_writes_outlive_their_writer(void)
{
    const DWORD modes[] = {PIPE_TYPE_BYTE, MESSAGE_MODES};
    HANDLE ends[2];
    char byte;
    size_t mode, writer;

    for (mode = 0; mode < 2; mode++)
        for (writer = 0; writer < 2; writer++) {
            HANDLE reader;

            make_pair(ends, 0, modes[mode], LARGE + 100);
            reader = ends[1 - writer];
            IS(say(ends[writer], "one"), 3);
            IS(write_end(ends[writer], pattern, LARGE), LARGE);
            IS(say(ends[writer], ""), 0);
            IS(say(ends[writer], "last"), 4);
            IS(say(reader, "lost"), 4);
            CHECK(CloseHandle(ends[writer]));
            CHECK(hears(reader, 3, "one"));
            IS(say(reader, "x"), -ERROR_NO_DATA);
            IS(read_end(reader, received, LARGE), LARGE);
            CHECK(memcmp(received, pattern, LARGE) == 0);
            if (mode == 1)
                IS(read_end(reader, received, LARGE), 0);
            IS(waiting(reader), 4);
            CHECK(hears(reader, 100, "last"));
            IS(read_end(reader, &byte, 1), -ERROR_BROKEN_PIPE);
            IS(read_end(reader, &byte, 0), -ERROR_BROKEN_PIPE);
            IS(say(reader, "x"), -ERROR_NO_DATA);
            IS(say(reader, ""), -ERROR_NO_DATA);
            CHECK(CloseHandle(reader));
        }
}

/* P10.4, P10.5, P10.8 */
static void operations_end_when_the_other_end_closes(void)
{
    HANDLE ends[2];
    OPERATION read, write;
    size_t closer;

    for (closer = 0; closer < 2; closer++) {
        HANDLE other;

        make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 10);
        other = ends[1 - closer];
        IS(start_read(other, &read, 10), PENDS);
        IS(start_write(other, &write, "more than ten", 13), PENDS);
        CHECK(goes_on(&read) && CloseHandle(ends[closer]));
        IS(end_of(other, &read), -ERROR_BROKEN_PIPE);
        CHECK(read.overlapped.Internal == 0xC000014B);
        IS(end_of(other, &write), -ERROR_BROKEN_PIPE);
        IS(start_write(other, &write, "x", 1), -ERROR_NO_DATA);
        forget(&write);
        CHECK(CloseHandle(other));
    }
}

/* P10.9, P10.11: an end's own operations end with it, and a write that had to wait takes its data along. */
static void operations_end_with_their_own_end(void)
{
    HANDLE ends[2];
    OPERATION read, write;
    char byte;
    size_t closer;

    for (closer = 0; closer < 2; closer++) {
        make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 5);
        IS(say(ends[closer], "fits"), 4);
        IS(start_read(ends[closer], &read, 10), PENDS);
        IS(start_write(ends[closer], &write, "too much", 8), PENDS);
        CHECK(CloseHandle(ends[closer]));
        CHECK(WaitForSingleObject(read.overlapped.hEvent, LONG_TIME) == WAIT_OBJECT_0);
        CHECK(WaitForSingleObject(write.overlapped.hEvent, LONG_TIME) == WAIT_OBJECT_0);
        CHECK(read.overlapped.Internal == 0xC000014B && read.overlapped.InternalHigh == 0);
        CHECK(write.overlapped.Internal == 0xC000014B && write.overlapped.InternalHigh == 0);
        forget(&read);
        forget(&write);
        CHECK(hears(ends[1 - closer], 100, "fits"));
        IS(read_end(ends[1 - closer], &byte, 1), -ERROR_BROKEN_PIPE);
        CHECK(CloseHandle(ends[1 - closer]));
    }
}

/* P10.10, P22.24 */
static void operations_go_on_through_other_handles(void)
{
    HANDLE ends[2], copy = NULL, this_process = GetCurrentProcess();
    OPERATION read, other;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    CHECK(DuplicateHandle(this_process, ends[0], this_process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    IS(start_read(ends[0], &read, 10), PENDS);
    IS(start_read(ends[0], &other, 10), PENDS);
    CHECK(CloseHandle(ends[0]) && goes_on(&read));
    CHECK(CancelIoEx(copy, &other.overlapped));
    IS(end_of(copy, &other), -ERROR_OPERATION_ABORTED);
    IS(say(ends[1], "on"), 2);
    IS(end_of(copy, &read), 2);
    CHECK(CloseHandle(copy) && CloseHandle(ends[1]));
}

/* P10.6, P15.5 */
static DWORD WINAPI flush(LPVOID end)
{
    return FlushFileBuffers((HANDLE)end) ? 0 : GetLastError();
}

static DWORD flushed_by(HANDLE thread)
{
    DWORD code = 77;

    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code) && CloseHandle(thread));
    return code;
}

static void flush_fails_when_the_reader_goes(void)
{
    HANDLE ends[2], thread;
    size_t flusher;

    for (flusher = 0; flusher < 2; flusher++) {
        make_pair(ends, 0, 0, 10);
        IS(say(ends[flusher], "unread"), 6);
        thread = CreateThread(NULL, 0, flush, ends[flusher], 0, NULL);
        CHECK(WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT);
        CHECK(CloseHandle(ends[1 - flusher]));
        CHECK(flushed_by(thread) == ERROR_BROKEN_PIPE);
        CHECK(CloseHandle(ends[flusher]));
    }
    /* A synchronous server that is flushed could not be told to disconnect. */
    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    IS(say(ends[1], "unread"), 6);
    IS(say(ends[0], "unread"), 6);
    thread = CreateThread(NULL, 0, flush, ends[1], 0, NULL);
    CHECK(WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT);
    CHECK(DisconnectNamedPipe(ends[0]));
    CHECK(flushed_by(thread) == ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 10);
    IS(say(ends[0], "unread"), 6);
    thread = CreateThread(NULL, 0, flush, ends[0], 0, NULL);
    CHECK(WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT);
    CHECK(DisconnectNamedPipe(ends[0]));
    CHECK(flushed_by(thread) == ERROR_PIPE_NOT_CONNECTED);
    close_pair(ends);
}

int main(void)
{
    size_t each;

    for (each = 0; each < LARGE; each++)
        pattern[each] = (char)(each * 7 + each / 251);
    completed_writes_outlive_their_writer();
    operations_end_when_the_other_end_closes();
    operations_end_with_their_own_end();
    operations_go_on_through_other_handles();
    flush_fails_when_the_reader_goes();
    return checked();
}
