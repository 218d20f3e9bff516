/* crowd_client.c - opens a pipe, asks a few things, leaves, and begins anew, until standard input ends or it is killed.
 *
 * Usage: crowd_client PIPE SEED LIMIT_MS
 *        crowd_client PIPE fill LIMIT_MS     opens every instance at once, and says how many there are
 * Exit codes: 0 after the end of standard input, 1 if a reply was wrong, a call failed that must not, or did not return in
 * time.
 */
#include "crowd.h"

static volatile LONG is_over;
static LPCTSTR pipe_name;
static DWORD chance, sequence, answered, lost, longest;
static CROWD_MESSAGE request, reply;

static void complain(const char *what)
{
    fprintf(stderr, "%s: error %u, request %u\n", what, (unsigned)GetLastError(), (unsigned)sequence);
    fflush(stderr);
    TerminateProcess(GetCurrentProcess(), 1);
}

static void note_time(ULONGLONG since)
{
    const DWORD took = (DWORD)(GetTickCount64() - since);

    if (took > longest)
        longest = took;
}

/* An instance, or INVALID_HANDLE_VALUE if there was none in time. */
static HANDLE open_instance(void)
{
    const ULONGLONG since = GetTickCount64();
    HANDLE pipe;

    crowd_begin(0, "CreateFile");
    pipe = CreateFile(pipe_name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    crowd_end(0);
    note_time(since);
    if (pipe != INVALID_HANDLE_VALUE)
        return pipe;
    if (GetLastError() == ERROR_PIPE_BUSY) {
        BOOL is_there;

        /* This one may wait, but not longer than it is told. */
        crowd_begin(1, "WaitNamedPipe");
        is_there = WaitNamedPipe(pipe_name, 200);
        crowd_end(1);
        if (!is_there && GetLastError() != ERROR_SEM_TIMEOUT && GetLastError() != ERROR_FILE_NOT_FOUND)
            complain("cannot wait for an instance");
    } else if (GetLastError() == ERROR_FILE_NOT_FOUND) {
        Sleep(5);
    } else {
        complain("cannot open the pipe");
    }
    return INVALID_HANDLE_VALUE;
}

static void prepare_request(void)
{
    DWORD each;

    request.header.kind = CROWD_REQUEST;
    request.header.client = GetCurrentProcessId();
    request.header.sequence = ++sequence;
    switch (crowd_random(&chance) % 16) {
    case 0:
        request.header.size = crowd_random(&chance) % CROWD_LARGEST;
        break;
    case 1:
        request.header.size = CROWD_QUOTA - (DWORD)sizeof request.header - 1 + crowd_random(&chance) % 3;
        break;
    default:
        request.header.size = crowd_random(&chance) % 300;
        break;
    }
    for (each = 0; each < request.header.size; each++)
        request.bytes[each] = crowd_byte(&request.header, each);
}

static void check_reply(DWORD size)
{
    const DWORD bytes = request.header.size;
    DWORD each;

    if (size != crowd_length(&request) || reply.header.kind != CROWD_REPLY ||
        reply.header.client != request.header.client || reply.header.sequence != request.header.sequence ||
        reply.header.size != bytes)
        complain("the reply belongs to another request");
    for (each = 0; each < bytes; each++)
        if (reply.bytes[each] != (crowd_byte(&request.header, bytes - 1 - each) ^ 0x5A))
            complain("the reply is damaged");
    answered++;
}

/* One request; FALSE if the server is gone, or sent this client away. */
static BOOL ask(HANDLE pipe)
{
    const ULONGLONG since = GetTickCount64();
    DWORD size = 0;
    BOOL done;

    prepare_request();
    crowd_begin(0, "TransactNamedPipe");
    done = TransactNamedPipe(pipe, &request, crowd_length(&request), &reply, sizeof reply, &size, NULL);
    crowd_end(0);
    note_time(since);
    if (done) {
        check_reply(size);
        return TRUE;
    }
    switch (GetLastError()) {
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
    case ERROR_BAD_PIPE:
        lost++;
        return FALSE;
    default:
        complain("the request failed");
        return FALSE;
    }
}

static void visit(void)
{
    DWORD mode = PIPE_READMODE_MESSAGE, count = crowd_random(&chance) % 20;
    HANDLE pipe = open_instance();

    if (pipe == INVALID_HANDLE_VALUE)
        return;
    /* The server may be gone already: 233 if it sent this client away. */
    if (SetNamedPipeHandleState(pipe, &mode, NULL, NULL)) {
        while (count-- > 0 && ask(pipe))
            if (crowd_random(&chance) % 8 == 0)
                Sleep(crowd_random(&chance) % 3);
    } else if (GetLastError() != ERROR_PIPE_NOT_CONNECTED) {
        complain("cannot set the mode");
    }
    if (!CloseHandle(pipe))
        complain("cannot close");
}

static DWORD WINAPI wait_for_the_end(LPVOID unused)
{
    (void)unused;
    while (_gettchar() != _TEOF)
        continue;
    InterlockedExchange(&is_over, 1);
    return 0;
}

/* Takes instances until there is none left, for as long as they take to listen again. */
static int fill(DWORD limit)
{
    HANDLE taken[CROWD_INSTANCES + 1];
    const ULONGLONG end = GetTickCount64() + limit;
    DWORD count = 0, instances = 0;

    while (count <= CROWD_INSTANCES && GetTickCount64() < end && !(count == CROWD_INSTANCES && WaitNamedPipe(pipe_name, 1) == 0)) {
        taken[count] = open_instance();
        if (taken[count] != INVALID_HANDLE_VALUE)
            count++;
    }
    if (count > 0)
        GetNamedPipeHandleState(taken[0], NULL, &instances, NULL, NULL, NULL, 0);
    printf("%u of %u\n", (unsigned)count, (unsigned)instances);
    return 0;
}

int _tmain(int argc, TCHAR *argv[])
{
    DWORD limit;

    if (argc != 4)
        return 2;
    pipe_name = argv[1];
    limit = (DWORD)_ttoi(argv[3]);
    crowd_start_watch(limit);
    if (!_tcscmp(argv[2], _T("fill")))
        return fill(limit);
    chance = (DWORD)_ttoi(argv[2]) * 2654435761u + 1;
    CloseHandle(CreateThread(NULL, 0, wait_for_the_end, NULL, 0, NULL));
    while (!is_over)
        visit();
    printf("%u answered, %u lost, longest %u ms\n", (unsigned)answered, (unsigned)lost, (unsigned)longest);
    return 0;
}
