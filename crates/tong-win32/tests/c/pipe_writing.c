/* pipe_writing.c - when a write is complete, and what writes do that must not wait (sections 13 and 14). */
#include "pipes.h"

static char zeros[40000];
static char room[40000];

static const DWORD types[] = {PIPE_TYPE_BYTE, MESSAGE_MODES};

/* P13.1: entries are never interleaved, whoever writes them. */
static DWORD WINAPI write_lines(LPVOID end)
{
    char line[100];
    int round, letter = 'a' + (int)(GetCurrentThreadId() % 26);

    memset(line, letter, sizeof line);
    for (round = 0; round < 50; round++)
        if (write_end((HANDLE)end, line, sizeof line) != sizeof line)
            return 1;
    return 0;
}

static void entries_are_whole(void)
{
    HANDLE ends[2], threads[3];
    char line[100], same[100];
    size_t each;
    DWORD code = 1;

    make_pair(ends, FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 150);
    for (each = 0; each < 3; each++)
        threads[each] = CreateThread(NULL, 0, write_lines, ends[1], 0, NULL);
    for (each = 0; each < 150; each++) {
        DWORD have = 0;

        while (have < sizeof line) {
            long more = read_end(ends[0], line + have, (DWORD)sizeof line - have);

            CHECK(more > 0);
            if (more <= 0)
                return;
            have += (DWORD)more;
        }
        memset(same, line[0], sizeof same);
        CHECK(memcmp(line, same, sizeof line) == 0);
    }
    for (each = 0; each < 3; each++) {
        CHECK(WaitForSingleObject(threads[each], LONG_TIME) == WAIT_OBJECT_0);
        CHECK(GetExitCodeThread(threads[each], &code) && code == 0 && CloseHandle(threads[each]));
    }
    close_pair(ends);
}

/* P13.3, P13.4, P13.8, P13.13 */
static void write_completes_when_what_is_unread_fits(DWORD pipe_mode)
{
    HANDLE ends[2];
    OPERATION write;

    make_pair(ends, FILE_FLAG_OVERLAPPED, pipe_mode, 5000);
    IS(write_end(ends[1], zeros, 3000), 3000);
    IS(start_write(ends[1], &write, zeros, 2000), 2000);
    forget(&write);
    IS(read_end(ends[0], room, 3000), 3000);
    IS(read_end(ends[0], room, 2000), 2000);
    IS(write_end(ends[1], zeros, 3000), 3000);
    IS(start_write(ends[1], &write, zeros, 2001), PENDS);
    CHECK(goes_on(&write));
    set_mode(ends[0], PIPE_READMODE_BYTE);
    IS(read_end(ends[0], room, 1), 1);
    IS(end_of(ends[1], &write), 2001);
    close_pair(ends);
}

/* P13.5, P13.6, P13.10 */
static void pending_write_needs_no_full_read(void)
{
    HANDLE ends[2];
    OPERATION write, small;
    size_t type;

    for (type = 0; type < 2; type++) {
        make_pair(ends, FILE_FLAG_OVERLAPPED, types[type], 5000);
        IS(start_write(ends[1], &write, zeros, 7000), PENDS);
        IS(start_write(ends[1], &small, "x", 1), PENDS);
        IS(read_end(ends[0], room, 1999), type == 0 ? 1999 : -ERROR_MORE_DATA);
        CHECK(goes_on(&write));
        IS(read_end(ends[0], room, 1), type == 0 ? 1 : -ERROR_MORE_DATA);
        IS(end_of(ends[1], &write), 7000);
        CHECK(goes_on(&small));
        IS(read_end(ends[0], room, 1), type == 0 ? 1 : -ERROR_MORE_DATA);
        IS(end_of(ends[1], &small), 1);
        IS(waiting(ends[0]), 5000);
        close_pair(ends);
    }
}

/* P13.9, P12.1, P13.14 */
static void without_quota_every_write_waits(void)
{
    HANDLE ends[2];
    OPERATION write;
    size_t type;

    for (type = 0; type < 2; type++) {
        make_pair(ends, FILE_FLAG_OVERLAPPED, types[type], 0);
        IS(say(ends[1], ""), 0);
        IS(start_write(ends[1], &write, "abc", 3), PENDS);
        if (type == 1)
            IS(read_end(ends[0], room, 9), 0);
        IS(read_end(ends[0], room, 2), type == 0 ? 2 : -ERROR_MORE_DATA);
        CHECK(goes_on(&write));
        IS(read_end(ends[0], room, 2), 1);
        IS(end_of(ends[1], &write), 3);
        close_pair(ends);
    }
}

/* P13.2: what a waiting read takes does not count. */
static void waiting_reads_take_first(void)
{
    HANDLE ends[2];
    OPERATION read, write;

    make_pair(ends, FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 10);
    IS(start_read(ends[0], &read, 20), PENDS);
    IS(start_write(ends[1], &write, zeros, 30), 30);
    forget(&write);
    IS(end_of(ends[0], &read), 20);
    IS(waiting(ends[0]), 10);
    close_pair(ends);
}

/* P13.11, P13.12, P22.27 */
static void cancelled_write_takes_its_bytes_back(DWORD pipe_mode)
{
    HANDLE ends[2];
    OPERATION first, second, third;
    const long part = pipe_mode == 0 ? 4 : -ERROR_MORE_DATA;

    make_pair(ends, FILE_FLAG_OVERLAPPED, pipe_mode, 5);
    IS(start_write(ends[1], &first, "half read", 9), PENDS);
    IS(start_write(ends[1], &second, "abcde", 5), PENDS);
    IS(start_write(ends[1], &third, "abcdef", 6), PENDS);
    IS(read_end(ends[0], room, 3), pipe_mode == 0 ? 3 : -ERROR_MORE_DATA);
    CHECK(memcmp(room, "hal", 3) == 0 && goes_on(&first));
    CHECK(CancelIoEx(ends[1], &first.overlapped));
    IS(end_of(ends[1], &first), -ERROR_OPERATION_ABORTED);
    CHECK(first.overlapped.InternalHigh == 0);
    /* The next one fits now. */
    IS(end_of(ends[1], &second), 5);
    IS(waiting(ends[0]), 11);
    IS(read_end(ends[0], room, 4), part);
    CHECK(memcmp(room, "abcd", 4) == 0);
    CHECK(CancelIoEx(ends[1], &third.overlapped));
    IS(end_of(ends[1], &third), -ERROR_OPERATION_ABORTED);
    CHECK(hears(ends[0], 100, "e"));
    IS(waiting(ends[0]), 0);
    close_pair(ends);
}

static DWORD WINAPI flush(LPVOID end)
{
    return FlushFileBuffers((HANDLE)end) ? 0 : GetLastError();
}

/* P13.12, P15.6 */
static void flush_succeeds_when_the_write_is_cancelled(void)
{
    HANDLE ends[2], thread;
    OPERATION write;
    DWORD code = 77;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 5);
    IS(start_write(ends[1], &write, "too long", 8), PENDS);
    thread = CreateThread(NULL, 0, flush, ends[1], 0, NULL);
    CHECK(WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT);
    CHECK(CancelIoEx(ends[1], &write.overlapped));
    IS(end_of(ends[1], &write), -ERROR_OPERATION_ABORTED);
    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code) && code == 0 && CloseHandle(thread));
    close_pair(ends);
}

/* P14.1, P14.2, P14.3, P14.5, P14.6, P14.11 */
static void without_waiting_reads_and_writes_never_pend(void)
{
    HANDLE ends[2];
    OPERATION operation;
    size_t type;

    for (type = 0; type < 2; type++) {
        make_pair(ends, FILE_FLAG_OVERLAPPED, types[type], 10);
        set_mode(ends[0], PIPE_NOWAIT | (types[type] & PIPE_READMODE_MESSAGE));
        set_mode(ends[1], PIPE_NOWAIT);
        IS(start_read(ends[0], &operation, 10), -ERROR_NO_DATA);
        CHECK(WaitForSingleObject(operation.overlapped.hEvent, 0) == WAIT_TIMEOUT);
        forget(&operation);
        IS(read_end(ends[0], room, 10), -ERROR_NO_DATA);
        IS(start_write(ends[1], &operation, "0123456789", 10), 10);
        forget(&operation);
        IS(start_write(ends[1], &operation, "x", 1), 0);
        forget(&operation);
        IS(read_end(ends[0], room, 4), type == 0 ? 4 : -ERROR_MORE_DATA);
        CHECK(hears(ends[0], 100, "456789"));
        close_pair(ends);
    }
}

/* P14.7, P14.8, P14.9, P14.10 */
static void without_waiting_a_write_goes_as_far_as_it_can(void)
{
    static const struct {
        /* 0: no read waits. */
        DWORD read, write;
        /* For bytes, and for messages: what is written, what the read gets (-1: it keeps waiting), what is queued. */
        long expected[2][3];
    } cases[] = {
        {0, 512, {{512, 0, 512}, {512, 0, 512}}},
        {0, 513, {{0, 0, 0}, {0, 0, 0}}},
        {32768, 513, {{513, 513, 0}, {513, 513, 0}}},
        {1, 513, {{513, 1, 512}, {513, -ERROR_MORE_DATA, 512}}},
        {1, 514, {{1, 1, 0}, {0, -1, 0}}},
    };
    HANDLE ends[2];
    OPERATION read;
    size_t each, type;

    for (each = 0; each < _countof(cases); each++)
        for (type = 0; type < 2; type++) {
            const long *expected = cases[each].expected[type];
            DWORD bytes = 77;

            make_pair(ends, FILE_FLAG_OVERLAPPED, types[type], 512);
            set_mode(ends[1], PIPE_NOWAIT);
            if (cases[each].read != 0) {
                prepare(&read);
                FAILS(ReadFile(ends[0], room, cases[each].read, &bytes, &read.overlapped), ERROR_IO_PENDING);
            }
            IS(write_end(ends[1], zeros, cases[each].write), expected[0]);
            if (cases[each].read != 0 && expected[1] == -1) {
                CHECK(goes_on(&read) && CancelIoEx(ends[0], &read.overlapped));
                IS(end_of(ends[0], &read), -ERROR_OPERATION_ABORTED);
            } else if (cases[each].read != 0) {
                IS(end_of(ends[0], &read), expected[1]);
            }
            IS(waiting(ends[0]), expected[2]);
            close_pair(ends);
        }
}

int main(void)
{
    entries_are_whole();
    write_completes_when_what_is_unread_fits(PIPE_TYPE_BYTE);
    write_completes_when_what_is_unread_fits(MESSAGE_MODES);
    pending_write_needs_no_full_read();
    without_quota_every_write_waits();
    waiting_reads_take_first();
    cancelled_write_takes_its_bytes_back(PIPE_TYPE_BYTE);
    cancelled_write_takes_its_bytes_back(MESSAGE_MODES);
    flush_succeeds_when_the_write_is_cancelled();
    without_waiting_reads_and_writes_never_pend();
    without_waiting_a_write_goes_as_far_as_it_can();
    return checked();
}
