/* pipes.h - what the self-tests of pipes share: short ways to make ends, to move a few bytes, and to say what came of it.
 *
 * An outcome is one number: the count of a success, -code of a failure, PENDS for what would wait.
 */
#ifndef PIPES_H
#define PIPES_H

#include <windows.h>

#include <string.h>
#include <tchar.h>

#include "check.h"

#define PENDS (-ERROR_IO_PENDING)
#define DUPLEX PIPE_ACCESS_DUPLEX
#define BOTH (GENERIC_READ | GENERIC_WRITE)
#define MESSAGE_MODES (PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE)
/* Last errors that no function leaves behind. */
#define UNTOUCHED 0xABCDu
/* Far more than anything takes on a slow machine. */
#define LONG_TIME 60000
/* Long enough to see that something does not happen. */
#define SHORT_TIME 60

#define FAILS(call, code)                          \
    do {                                           \
        SetLastError(UNTOUCHED);                   \
        CHECK(!(call) && GetLastError() == (code)); \
    } while (0)

#define IS(outcome, expected)                                                                       \
    do {                                                                                            \
        const long is_ = (outcome), should_ = (expected);                                           \
        if (is_ != should_) {                                                                       \
            fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #outcome, is_, should_); \
            failures++;                                                                             \
        }                                                                                           \
    } while (0)

/* The one name of a test program; each pipe is gone before the next is made. */
#define NAME TEXT("\\\\.\\pipe\\self test")

static inline HANDLE make(DWORD open_mode, DWORD pipe_mode, DWORD quota)
{
    HANDLE pipe = CreateNamedPipe(NAME, open_mode, pipe_mode, PIPE_UNLIMITED_INSTANCES, quota, quota, 0, NULL);

    CHECK(pipe != INVALID_HANDLE_VALUE);
    return pipe;
}

static inline HANDLE open_end(DWORD access, DWORD flags)
{
    return CreateFile(NAME, access, 0, NULL, OPEN_EXISTING, flags, NULL);
}

/* A pipe with a client: ends[0] is the server's, ends[1] the client's, in message-read mode if the server is. */
static inline void make_pair(HANDLE ends[2], DWORD flags, DWORD pipe_mode, DWORD quota)
{
    DWORD mode = PIPE_READMODE_MESSAGE;

    ends[0] = make(DUPLEX | flags, pipe_mode, quota);
    ends[1] = open_end(BOTH, flags);
    CHECK(ends[1] != INVALID_HANDLE_VALUE);
    if (pipe_mode & PIPE_READMODE_MESSAGE)
        CHECK(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL));
}

static inline void close_pair(HANDLE ends[2])
{
    CHECK(CloseHandle(ends[0]) && CloseHandle(ends[1]));
}

static inline void set_mode(HANDLE end, DWORD mode)
{
    CHECK(SetNamedPipeHandleState(end, &mode, NULL, NULL));
}

/* What a call has come to that returned this and left this count. */
static inline long outcome(BOOL result, DWORD count)
{
    return result ? (long)count : -(long)GetLastError();
}

static inline long write_end(HANDLE end, const void *data, DWORD size)
{
    DWORD written = 77;
    BOOL done = WriteFile(end, data, size, &written, NULL);

    return outcome(done, written);
}

static inline long say(HANDLE end, const char *text)
{
    return write_end(end, text, (DWORD)strlen(text));
}

static inline long read_end(HANDLE end, void *buffer, DWORD size)
{
    DWORD read = 77;
    BOOL done = ReadFile(end, buffer, size, &read, NULL);

    return outcome(done, read);
}

/* Reads, and compares what came with a text that is to be the whole of it. */
static inline int hears(HANDLE end, DWORD size, const char *text)
{
    char buffer[256];
    DWORD read = 77;

    memset(buffer, 0, sizeof buffer);
    return ReadFile(end, buffer, size, &read, NULL) && read == strlen(text) && memcmp(buffer, text, read) == 0;
}

/* The same for the part of a message that is longer than the buffer. */
static inline int hears_part(HANDLE end, DWORD size, const char *text)
{
    char buffer[256];
    DWORD read = 77;

    memset(buffer, 0, sizeof buffer);
    return !ReadFile(end, buffer, size, &read, NULL) && GetLastError() == ERROR_MORE_DATA && read == strlen(text) &&
           memcmp(buffer, text, read) == 0;
}

/* Bytes that can be read, or -code. */
static inline long waiting(HANDLE end)
{
    DWORD available = 77;
    BOOL done = PeekNamedPipe(end, NULL, 0, NULL, &available, NULL);

    return outcome(done, available);
}

/* ---- Operations that go on. ---- */

typedef struct {
    OVERLAPPED overlapped;
    char buffer[64];
} OPERATION;

static inline void prepare(OPERATION *operation)
{
    memset(operation, 0, sizeof *operation);
    operation->overlapped.hEvent = CreateEvent(NULL, TRUE, TRUE, NULL);
    CHECK(operation->overlapped.hEvent != NULL);
}

static inline void forget(OPERATION *operation)
{
    CHECK(CloseHandle(operation->overlapped.hEvent));
}

static inline long start_read(HANDLE end, OPERATION *operation, DWORD size)
{
    DWORD read = 77;
    BOOL done;

    prepare(operation);
    done = ReadFile(end, operation->buffer, size, &read, &operation->overlapped);
    CHECK(done || read == 0);
    return outcome(done, read);
}

static inline long start_write(HANDLE end, OPERATION *operation, const void *data, DWORD size)
{
    DWORD written = 77;
    BOOL done;

    prepare(operation);
    done = WriteFile(end, data, size, &written, &operation->overlapped);
    CHECK(done || written == 0);
    return outcome(done, written);
}

static inline long start_connect(HANDLE server, OPERATION *operation)
{
    prepare(operation);
    return outcome(ConnectNamedPipe(server, &operation->overlapped), 0);
}

static inline long start_transact(HANDLE end, OPERATION *operation, const char *request, DWORD size)
{
    BOOL done;

    prepare(operation);
    done = TransactNamedPipe(end, (LPVOID)request, (DWORD)strlen(request), operation->buffer, size, NULL,
                             &operation->overlapped);
    return outcome(done, (DWORD)operation->overlapped.InternalHigh);
}

/* How it stands at the moment: its outcome, or PENDS. */
static inline long look(HANDLE end, OPERATION *operation)
{
    DWORD bytes = 77;
    BOOL done = GetOverlappedResult(end, &operation->overlapped, &bytes, FALSE);

    if (!done && GetLastError() == ERROR_IO_INCOMPLETE)
        return PENDS;
    return outcome(done, bytes);
}

/* Waits for the end, and forgets the operation. */
static inline long end_of(HANDLE end, OPERATION *operation)
{
    DWORD bytes = 77;
    BOOL done;
    long result;

    CHECK(WaitForSingleObject(operation->overlapped.hEvent, LONG_TIME) == WAIT_OBJECT_0);
    done = GetOverlappedResult(end, &operation->overlapped, &bytes, FALSE);
    result = outcome(done, bytes);
    forget(operation);
    return result;
}

/* Still pends after a little while. */
static inline int goes_on(OPERATION *operation)
{
    return WaitForSingleObject(operation->overlapped.hEvent, SHORT_TIME) == WAIT_TIMEOUT;
}

/* What a call that was started has come to; what pends is cancelled, and waited for. */
static inline long settled(HANDLE end, OPERATION *operation, long started)
{
    long result = started == PENDS ? look(end, operation) : started;

    if (result == PENDS) {
        CHECK(CancelIoEx(end, &operation->overlapped));
        CHECK(WaitForSingleObject(operation->overlapped.hEvent, LONG_TIME) == WAIT_OBJECT_0);
    }
    forget(operation);
    return result;
}

#endif
