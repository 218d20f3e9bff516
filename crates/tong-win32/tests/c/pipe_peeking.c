/* pipe_peeking.c - FlushFileBuffers and PeekNamedPipe (sections 15 and 16). */
#include "pipes.h"

static DWORD WINAPI flush(LPVOID end)
{
    return FlushFileBuffers((HANDLE)end) ? 0 : GetLastError();
}

static HANDLE start_flush(HANDLE end)
{
    HANDLE thread = CreateThread(NULL, 0, flush, end, 0, NULL);

    CHECK(thread != NULL);
    return thread;
}

static DWORD flushed_by(HANDLE thread)
{
    DWORD code = 77;

    CHECK(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code) && CloseHandle(thread));
    return code;
}

static int is_flushing(HANDLE thread)
{
    return WaitForSingleObject(thread, SHORT_TIME) == WAIT_TIMEOUT;
}

/* P15.1, P15.2, P15.3, P15.4, P15.7, P14.13 */
static void flush_waits_for_the_reader(DWORD flags)
{
    HANDLE ends[2], thread;
    size_t flusher;

    for (flusher = 0; flusher < 2; flusher++) {
        make_pair(ends, flags, 0, 100);
        CHECK(FlushFileBuffers(ends[flusher]));
        IS(say(ends[1 - flusher], "other way"), 9);
        CHECK(FlushFileBuffers(ends[flusher]));
        set_mode(ends[flusher], PIPE_NOWAIT);
        IS(say(ends[flusher], "before"), 6);
        thread = start_flush(ends[flusher]);
        CHECK(is_flushing(thread));
        if (flags & FILE_FLAG_OVERLAPPED)
            IS(say(ends[flusher], "after"), 5);
        CHECK(hears(ends[1 - flusher], 5, "befor") && is_flushing(thread));
        CHECK(hears(ends[1 - flusher], 1, "e"));
        CHECK(flushed_by(thread) == 0);
        IS(waiting(ends[1 - flusher]), flags & FILE_FLAG_OVERLAPPED ? 5 : 0);
        close_pair(ends);
    }
}

/* P15.1: writes that pend count too; P15.8: and so do empty messages. */
static void flush_waits_for_pending_and_empty_messages(void)
{
    HANDLE ends[2], thread;
    OPERATION write;
    char byte;

    make_pair(ends, FILE_FLAG_OVERLAPPED, MESSAGE_MODES, 4);
    IS(start_write(ends[1], &write, "pending", 7), PENDS);
    thread = start_flush(ends[1]);
    CHECK(is_flushing(thread) && hears(ends[0], 7, "pending"));
    IS(end_of(ends[1], &write), 7);
    CHECK(flushed_by(thread) == 0);
    IS(say(ends[1], ""), 0);
    thread = start_flush(ends[1]);
    CHECK(is_flushing(thread));
    IS(read_end(ends[0], &byte, 1), 0);
    CHECK(flushed_by(thread) == 0);
    close_pair(ends);
}

typedef struct {
    DWORD read, available, left;
    char text[16];
} SEEN;

static SEEN peek(HANDLE end, DWORD size)
{
    SEEN seen;

    memset(&seen, 0, sizeof seen);
    seen.read = seen.available = seen.left = 77;
    CHECK(PeekNamedPipe(end, seen.text, size, &seen.read, &seen.available, &seen.left));
    return seen;
}

static int sees(HANDLE end, DWORD size, const char *text, DWORD available, DWORD left)
{
    const SEEN seen = peek(end, size);

    return seen.read == strlen(text) && memcmp(seen.text, text, seen.read) == 0 && seen.available == available &&
           seen.left == left;
}

/* P16.1, P16.4, P16.7 */
static void peek_at_bytes(void)
{
    HANDLE ends[2];

    make_pair(ends, 0, 0, 100);
    CHECK(sees(ends[0], 10, "", 0, 0));
    IS(say(ends[1], "abc"), 3);
    IS(say(ends[1], "def"), 3);
    CHECK(sees(ends[0], 4, "abcd", 6, 0xFFFFFFFC));
    CHECK(sees(ends[0], 10, "abcdef", 6, 0xFFFFFFFA));
    CHECK(sees(ends[0], 0, "", 6, 0));
    set_mode(ends[0], PIPE_NOWAIT);
    CHECK(sees(ends[0], 1, "a", 6, 0xFFFFFFFF));
    CHECK(hears(ends[0], 100, "abcdef"));
    close_pair(ends);
}

/* P16.3, P16.5, P16.6, P16.8, P16.9 */
static void peek_at_messages(DWORD read_mode)
{
    HANDLE ends[2];
    char byte;

    make_pair(ends, 0, PIPE_TYPE_MESSAGE | read_mode, 100);
    CHECK(sees(ends[0], 10, "", 0, 0));
    IS(say(ends[1], "abcd"), 4);
    IS(say(ends[1], "xyz"), 3);
    CHECK(sees(ends[0], 10, "abcd", 7, 0));
    CHECK(sees(ends[0], 3, "abc", 7, 1));
    CHECK(sees(ends[0], 0, "", 7, 4));
    IS(read_end(ends[0], &byte, 1), read_mode == 0 ? 1 : -ERROR_MORE_DATA);
    CHECK(sees(ends[0], 2, "bc", 6, 1));
    IS(read_end(ends[0], &byte, 1), read_mode == 0 ? 1 : -ERROR_MORE_DATA);
    CHECK(hears(ends[0], 2, "cd"));
    CHECK(hears(ends[0], 3, "xyz"));
    IS(say(ends[1], ""), 0);
    CHECK(sees(ends[0], 10, "", 0, 0));
    IS(say(ends[1], "next"), 4);
    CHECK(sees(ends[0], 10, "", 4, 0));
    IS(read_end(ends[0], &byte, 1), 0);
    CHECK(sees(ends[0], 10, "next", 4, 0));
    close_pair(ends);
}

/* P16.10, P16.11, P16.12, P16.13 */
static void peek_writes_what_it_is_asked_for(void)
{
    HANDLE ends[2];
    DWORD read = 70, available = 71, left = 72;
    char byte = '?';

    make_pair(ends, 0, MESSAGE_MODES, 100);
    IS(say(ends[1], "message"), 7);
    CHECK(PeekNamedPipe(ends[0], NULL, 0, NULL, NULL, NULL));
    CHECK(PeekNamedPipe(ends[0], (LPVOID)8, 0, NULL, NULL, &left) && left == 7);
    CHECK(PeekNamedPipe(ends[0], NULL, 5, &read, &available, &left) && read == 0 && available == 7 && left == 7);
    CHECK(PeekNamedPipe(ends[0], &byte, 1, NULL, NULL, NULL) && byte == 'm');
    CHECK(CloseHandle(ends[1]));
    CHECK(PeekNamedPipe(ends[0], &byte, 1, &read, &available, &left) && read == 1 && available == 7 && left == 6);
    CHECK(hears(ends[0], 7, "message"));
    byte = '?';
    FAILS(PeekNamedPipe(ends[0], &byte, 1, &read, &available, &left), ERROR_BROKEN_PIPE);
    CHECK(byte == '?' && read == 1 && available == 7 && left == 6);
    CHECK(CloseHandle(ends[0]));
}

int main(void)
{
    flush_waits_for_the_reader(0);
    flush_waits_for_the_reader(FILE_FLAG_OVERLAPPED);
    flush_waits_for_pending_and_empty_messages();
    peek_at_bytes();
    peek_at_messages(PIPE_READMODE_BYTE);
    peek_at_messages(PIPE_READMODE_MESSAGE);
    peek_writes_what_it_is_asked_for();
    return checked();
}
