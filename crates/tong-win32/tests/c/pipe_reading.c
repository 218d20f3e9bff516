/* pipe_reading.c - reads of bytes and of messages, and lengths of zero (sections 11 and 12). */
#include "pipes.h"

/* P1.3, P11.2, P11.10, P13.2 */
static void waiting_reads_are_served_in_order(DWORD pipe_mode)
{
    HANDLE ends[2];
    OPERATION reads[3];
    size_t reader, each;

    for (reader = 0; reader < 2; reader++) {
        make_pair(ends, FILE_FLAG_OVERLAPPED, pipe_mode, 10);
        for (each = 0; each < 3; each++)
            IS(start_read(ends[reader], &reads[each], 20), PENDS);
        IS(say(ends[1 - reader], "one"), 3);
        IS(end_of(ends[reader], &reads[0]), 3);
        IS(say(ends[1 - reader], "three"), 5);
        IS(say(ends[1 - reader], "seventeen letters"), 17);
        IS(end_of(ends[reader], &reads[1]), 5);
        IS(end_of(ends[reader], &reads[2]), 17);
        CHECK(memcmp(reads[0].buffer, "one", 3) == 0 && memcmp(reads[1].buffer, "three", 5) == 0);
        CHECK(memcmp(reads[2].buffer, "seventeen letters", 17) == 0);
        close_pair(ends);
    }
}

/* P11.3, P11.4 */
static void byte_reads_cross_the_borders_of_writes(void)
{
    const DWORD types[] = {PIPE_TYPE_BYTE, PIPE_TYPE_MESSAGE};
    HANDLE ends[2];
    size_t each;

    for (each = 0; each < 2; each++) {
        make_pair(ends, 0, types[each], 100);
        IS(say(ends[1], "hello world"), 11);
        IS(say(ends[1], "ten bytes!"), 10);
        CHECK(hears(ends[0], 32, "hello worldten bytes!"));
        IS(say(ends[1], "hello world"), 11);
        CHECK(hears(ends[0], 4, "hell"));
        CHECK(hears(ends[0], 7, "o world"));
        close_pair(ends);
    }
}

/* P11.5, P11.6, P11.7, P11.8, P1.5 */
static void message_reads_keep_the_borders(void)
{
    HANDLE ends[2], copy = NULL;

    make_pair(ends, 0, MESSAGE_MODES, 100);
    CHECK(DuplicateHandle(GetCurrentProcess(), ends[0], GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    IS(say(ends[1], "first"), 5);
    IS(say(ends[1], "second one"), 10);
    IS(say(ends[1], "third"), 5);
    CHECK(hears(ends[0], 5, "first"));
    CHECK(hears_part(ends[0], 4, "seco"));
    CHECK(hears_part(copy, 3, "nd "));
    CHECK(hears(ends[0], 100, "one"));
    CHECK(hears(ends[0], 100, "third"));
    CHECK(CloseHandle(copy));
    close_pair(ends);
}

/* P11.9 */
static void read_mode_is_the_ends_own_and_changes_at_once(void)
{
    HANDLE ends[2];

    make_pair(ends, 0, MESSAGE_MODES, 100);
    set_mode(ends[1], PIPE_READMODE_BYTE);
    IS(say(ends[0], "ab"), 2);
    IS(say(ends[0], "cd"), 2);
    CHECK(hears(ends[1], 100, "abcd"));
    IS(say(ends[1], "message"), 7);
    IS(say(ends[1], "next"), 4);
    CHECK(hears_part(ends[0], 3, "mes"));
    set_mode(ends[0], PIPE_READMODE_BYTE);
    CHECK(hears(ends[0], 2, "sa"));
    set_mode(ends[0], PIPE_READMODE_MESSAGE);
    CHECK(hears_part(ends[0], 1, "g"));
    set_mode(ends[0], PIPE_READMODE_BYTE);
    CHECK(hears(ends[0], 100, "enext"));
    close_pair(ends);
}

/* P11.11, P22.6, P22.12 */
static void count_of_a_part_is_where_it_was_asked_for(void)
{
    HANDLE ends[2];
    OPERATION read;
    DWORD bytes = 77;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    IS(say(ends[1], "message"), 7);
    IS(start_read(ends[0], &read, 3), -ERROR_MORE_DATA);
    CHECK(read.overlapped.Internal == 0x80000005 && read.overlapped.InternalHigh == 3);
    CHECK(WaitForSingleObject(read.overlapped.hEvent, 0) == WAIT_OBJECT_0);
    FAILS(GetOverlappedResult(ends[0], &read.overlapped, &bytes, FALSE), ERROR_MORE_DATA);
    CHECK(bytes == 3 && memcmp(read.buffer, "mes", 3) == 0);
    forget(&read);
    CHECK(hears(ends[0], 100, "sage"));
    close_pair(ends);
}

/* P11.12, P11.14, P22.8 */
static void count_is_cleared_and_buffers_are_looked_at(void)
{
    HANDLE ends[2];
    OVERLAPPED overlapped;
    DWORD bytes = 77;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 100);
    FAILS(ReadFile(NULL, &bytes, 1, &bytes, NULL), ERROR_INVALID_HANDLE);
    CHECK(bytes == 0);
    bytes = 77;
    FAILS(ReadFile(ends[0], NULL, 5, &bytes, NULL), ERROR_NOACCESS);
    CHECK(bytes == 0);
    ZeroMemory(&overlapped, sizeof overlapped);
    overlapped.hEvent = CreateEvent(NULL, TRUE, TRUE, NULL);
    bytes = 77;
    FAILS(ReadFile(NULL, &bytes, 1, &bytes, &overlapped), ERROR_INVALID_HANDLE);
    CHECK(WaitForSingleObject(overlapped.hEvent, 0) == WAIT_OBJECT_0);
    CHECK(CloseHandle(overlapped.hEvent) && CloseHandle(ends[0]));
    bytes = 77;
    FAILS(ReadFile(ends[1], &overlapped, 1, &bytes, NULL), ERROR_BROKEN_PIPE);
    CHECK(bytes == 0 && CloseHandle(ends[1]));
}

/* P11.13, P13.7, P16.3: what a blocked write has brought can be read like anything else. */
static void reads_see_blocked_writes(void)
{
    HANDLE ends[2];
    OPERATION write;
    DWORD available = 77;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 4);
    IS(say(ends[1], "four"), 4);
    IS(start_write(ends[1], &write, "blocked", 7), PENDS);
    CHECK(PeekNamedPipe(ends[0], NULL, 0, NULL, &available, NULL) && available == 11);
    CHECK(hears(ends[0], 100, "four") && goes_on(&write));
    CHECK(hears_part(ends[0], 2, "bl") && goes_on(&write));
    CHECK(hears_part(ends[0], 1, "o"));
    IS(end_of(ends[1], &write), 7);
    CHECK(hears(ends[0], 100, "cked"));
    close_pair(ends);
}

/* P12.1, P12.3, P12.5, P12.10, P14.14 */
static void empty_messages_are_messages(void)
{
    HANDLE ends[2];
    OPERATION write;
    char byte;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 4);
    IS(start_write(ends[1], &write, "too long", 8), PENDS);
    IS(say(ends[1], ""), 0);
    CHECK(hears(ends[0], 100, "too long"));
    IS(end_of(ends[1], &write), 8);
    set_mode(ends[1], PIPE_NOWAIT);
    IS(say(ends[1], ""), 0);
    set_mode(ends[1], 0);
    IS(read_end(ends[0], &byte, 1), 0);
    IS(read_end(ends[0], &byte, 0), 0);
    IS(say(ends[1], "ab"), 2);
    IS(say(ends[1], ""), 0);
    IS(say(ends[1], "cd"), 2);
    set_mode(ends[0], PIPE_READMODE_BYTE);
    CHECK(hears(ends[0], 2, "ab"));
    IS(read_end(ends[0], &byte, 1), 0);
    CHECK(hears(ends[0], 100, "cd"));
    close_pair(ends);
}

/* P12.2 */
static void empty_writes_of_bytes_are_nothing(void)
{
    HANDLE ends[2];
    OPERATION read;

    make_pair(ends, FILE_FLAG_OVERLAPPED, 0, 4);
    IS(start_read(ends[0], &read, 4), PENDS);
    IS(say(ends[1], ""), 0);
    CHECK(goes_on(&read));
    IS(waiting(ends[0]), 0);
    IS(say(ends[1], "x"), 1);
    IS(end_of(ends[0], &read), 1);
    close_pair(ends);
}

/* P12.4 */
static void empty_message_completes_the_oldest_read(void)
{
    HANDLE ends[2];
    OPERATION reads[2];

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 4);
    IS(start_read(ends[0], &reads[0], 0), PENDS);
    IS(start_read(ends[0], &reads[1], 4), PENDS);
    IS(say(ends[1], ""), 0);
    IS(end_of(ends[0], &reads[0]), 0);
    CHECK(goes_on(&reads[1]));
    IS(say(ends[1], ""), 0);
    IS(end_of(ends[0], &reads[1]), 0);
    close_pair(ends);
}

/* P12.6, P12.7, P12.8, P12.9 */
static void reads_of_nothing_wait_for_something(void)
{
    HANDLE ends[2];
    OPERATION read;
    char byte;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 100);
    IS(start_read(ends[0], &read, 0), PENDS);
    CHECK(goes_on(&read));
    IS(say(ends[1], "data"), 4);
    IS(end_of(ends[0], &read), -ERROR_MORE_DATA);
    CHECK(read.overlapped.InternalHigh == 0);
    IS(read_end(ends[0], &byte, 0), -ERROR_MORE_DATA);
    set_mode(ends[0], PIPE_READMODE_BYTE);
    IS(read_end(ends[0], &byte, 0), 0);
    CHECK(hears(ends[0], 100, "data"));
    IS(start_read(ends[0], &read, 0), PENDS);
    IS(say(ends[1], "more"), 4);
    IS(end_of(ends[0], &read), 0);
    CHECK(hears(ends[0], 100, "more") && CloseHandle(ends[1]));
    IS(read_end(ends[0], &byte, 0), -ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(ends[0]));
}

int main(void)
{
    waiting_reads_are_served_in_order(PIPE_TYPE_BYTE);
    waiting_reads_are_served_in_order(PIPE_TYPE_MESSAGE);
    waiting_reads_are_served_in_order(MESSAGE_MODES);
    byte_reads_cross_the_borders_of_writes();
    message_reads_keep_the_borders();
    read_mode_is_the_ends_own_and_changes_at_once();
    count_of_a_part_is_where_it_was_asked_for();
    count_is_cleared_and_buffers_are_looked_at();
    reads_see_blocked_writes();
    empty_messages_are_messages();
    empty_writes_of_bytes_are_nothing();
    empty_message_completes_the_oldest_read();
    reads_of_nothing_wait_for_something();
    return checked();
}
