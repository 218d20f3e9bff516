/* crowd_server.c - serves some instances of a pipe, a thread each, until standard input ends or it is killed.
 *
 * Usage: crowd_server PIPE INSTANCES LIMIT_MS
 * Exit codes: 0 after the end of standard input, 1 if a call failed that must not fail, or did not return in time.
 */
#include "crowd.h"

static LPCTSTR pipe_name;

static void complain(const char *what)
{
    fprintf(stderr, "%s: error %u\n", what, (unsigned)GetLastError());
    fflush(stderr);
    TerminateProcess(GetCurrentProcess(), 1);
}

/* Reads a request, which may be longer than the first part that is asked for. */
static BOOL read_request(HANDLE instance, CROWD_MESSAGE *message)
{
    DWORD have = 0, more = 0;

    if (!ReadFile(instance, message, 512, &have, NULL)) {
        if (GetLastError() != ERROR_MORE_DATA)
            return FALSE;
        if (!ReadFile(instance, (BYTE *)message + have, (DWORD)sizeof *message - have, &more, NULL))
            return FALSE;
    }
    if (message->header.kind != CROWD_REQUEST || have + more != crowd_length(message)) {
        SetLastError(0);
        complain("this is no request");
    }
    return TRUE;
}

static void answer(CROWD_MESSAGE *message)
{
    const DWORD size = message->header.size;
    DWORD each;

    message->header.kind = CROWD_REPLY;
    for (each = 0; each < (size + 1) / 2; each++) {
        const BYTE first = message->bytes[each], last = message->bytes[size - 1 - each];

        message->bytes[each] = last ^ 0x5A;
        message->bytes[size - 1 - each] = first ^ 0x5A;
    }
}

/* Serves one client until it leaves, or now and then sends it away. */
static void serve_one(HANDLE instance, int place, CROWD_MESSAGE *message, DWORD *chance)
{
    DWORD written = 0;

    while (read_request(instance, message)) {
        BOOL done;

        answer(message);
        crowd_begin(place, "WriteFile");
        done = WriteFile(instance, message, crowd_length(message), &written, NULL);
        crowd_end(place);
        if (!done)
            break;
        if (crowd_random(chance) % 64 == 0) {
            crowd_begin(place, "FlushFileBuffers");
            FlushFileBuffers(instance);
            crowd_end(place);
            return;
        }
    }
    if (GetLastError() != ERROR_BROKEN_PIPE && GetLastError() != ERROR_NO_DATA)
        complain("the client is gone in a strange way");
}

static DWORD WINAPI serve(LPVOID given)
{
    const int place = (int)(ULONG_PTR)given;
    DWORD chance = GetCurrentThreadId() * 2654435761u + 1;
    CROWD_MESSAGE *message = (CROWD_MESSAGE *)malloc(sizeof *message);
    HANDLE instance;

    crowd_begin(place, "CreateNamedPipe");
    instance = CreateNamedPipe(pipe_name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, CROWD_INSTANCES,
                               CROWD_QUOTA, CROWD_QUOTA, 0, NULL);
    crowd_end(place);
    if (instance == INVALID_HANDLE_VALUE)
        complain("cannot make an instance");
    for (;;) {
        if (!ConnectNamedPipe(instance, NULL) && GetLastError() != ERROR_PIPE_CONNECTED &&
            GetLastError() != ERROR_NO_DATA)
            complain("cannot wait for a client");
        serve_one(instance, place, message, &chance);
        crowd_begin(place, "DisconnectNamedPipe");
        if (!DisconnectNamedPipe(instance))
            complain("cannot disconnect");
        crowd_end(place);
    }
    return 0;
}

int _tmain(int argc, TCHAR *argv[])
{
    int place;

    if (argc != 4)
        return 2;
    pipe_name = argv[1];
    crowd_start_watch((DWORD)_ttoi(argv[3]));
    for (place = 0; place < _ttoi(argv[2]) && place < CROWD_INSTANCES; place++)
        CloseHandle(CreateThread(NULL, 0, serve, (LPVOID)(ULONG_PTR)place, 0, NULL));
    while (_gettchar() != _TEOF)
        continue;
    return 0;
}
