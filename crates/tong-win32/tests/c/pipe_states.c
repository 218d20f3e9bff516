/* pipe_states.c - what each call gives in each state of a pipe, cell by cell (P1.7, P5.3, P7.1 to P7.6, P8.3, P8.5, P8.8,
 * P8.14, P9.1, P9.4 to P9.6, P9.8, P10.7, P14.2 to P14.4, P16.13, P17.13, P21.3 to P21.5).
 *
 * Each cell is tried with ends that are overlapped and synchronous, on byte and on message pipes.
 */
#include "pipes.h"

/* No such case, or out of scope. */
#define NONE (-1000000)
/* The call succeeds with as many bytes as are queued. */
#define QUEUED 1000000
/* Waits if messages are read as such; nothing else knows transactions. */
#define TRANSACTS 1000001

#define DATA "abcdef"

enum { LISTENING, CONNECTED, CLOSING, DISCONNECTED, STATES };

static const char *state_names[STATES] = {"LISTENING", "CONNECTED", "CLOSING", "DISCONNECTED"};

/* What is being tried. */
static struct {
    DWORD flags;
    DWORD pipe_mode;
} way;

static int is_overlapped(void)
{
    return way.flags & FILE_FLAG_OVERLAPPED;
}

/* ---- The calls. ---- */

static long try_connect(HANDLE end)
{
    OPERATION operation;

    if (!is_overlapped())
        return outcome(ConnectNamedPipe(end, NULL), 0);
    return settled(end, &operation, start_connect(end, &operation));
}

static void set_nowait(HANDLE end)
{
    DWORD mode = PIPE_NOWAIT | (way.pipe_mode & PIPE_READMODE_MESSAGE);

    /* A disconnected client cannot be told. */
    if (!SetNamedPipeHandleState(end, &mode, NULL, NULL))
        CHECK(GetLastError() == ERROR_PIPE_NOT_CONNECTED);
}

static long try_connect_nowait(HANDLE end)
{
    set_nowait(end);
    return try_connect(end);
}

static long try_read(HANDLE end)
{
    OPERATION operation;
    char buffer[32];

    if (!is_overlapped())
        return read_end(end, buffer, sizeof buffer);
    return settled(end, &operation, start_read(end, &operation, sizeof buffer));
}

static long try_read_nowait(HANDLE end)
{
    set_nowait(end);
    return try_read(end);
}

static long try_write(HANDLE end)
{
    OPERATION operation;

    if (!is_overlapped())
        return say(end, DATA);
    return settled(end, &operation, start_write(end, &operation, DATA, 6));
}

static long try_peek(HANDLE end)
{
    char buffer[32];
    DWORD read = 70, available = 71, left = 72;

    if (!PeekNamedPipe(end, buffer, sizeof buffer, &read, &available, &left)) {
        CHECK(read == 70 && available == 71 && left == 72);
        return -(long)GetLastError();
    }
    CHECK(read == available);
    return (long)read;
}

static long try_transact(HANDLE end)
{
    OPERATION operation;
    char reply[8];
    DWORD read = 0;

    if (!is_overlapped())
        return outcome(TransactNamedPipe(end, (LPVOID) "?", 1, reply, sizeof reply, &read, NULL), read);
    return settled(end, &operation, start_transact(end, &operation, "?", 8));
}

static long try_flush(HANDLE end)
{
    return outcome(FlushFileBuffers(end), 0);
}

static long try_disconnect(HANDLE end)
{
    return outcome(DisconnectNamedPipe(end), 0);
}

static long try_info(HANDLE end)
{
    DWORD flags = 0;
    BOOL done = GetNamedPipeInfo(end, &flags, NULL, NULL, NULL);

    return outcome(done, 0);
}

static long try_get_state(HANDLE end)
{
    DWORD state = 0;
    BOOL done = GetNamedPipeHandleState(end, &state, NULL, NULL, NULL, NULL, 0);

    return outcome(done, 0);
}

static long try_set_state(HANDLE end)
{
    DWORD mode = PIPE_READMODE_BYTE;

    return outcome(SetNamedPipeHandleState(end, &mode, NULL, NULL), 0);
}

static long try_client_id(HANDLE end)
{
    ULONG id = 0;
    BOOL done = GetNamedPipeClientProcessId(end, &id);

    CHECK(!done || id == GetCurrentProcessId());
    return outcome(done, 0);
}

static long try_server_id(HANDLE end)
{
    ULONG id = 0;
    BOOL done = GetNamedPipeServerProcessId(end, &id);

    CHECK(!done || id == GetCurrentProcessId());
    return outcome(done, 0);
}

static long try_client_session(HANDLE end)
{
    ULONG session = 0;

    return outcome(GetNamedPipeClientSessionId(end, &session), 0);
}

static long try_server_session(HANDLE end)
{
    ULONG session = 0;

    return outcome(GetNamedPipeServerSessionId(end, &session), 0);
}

static long try_impersonate(HANDLE end)
{
    return outcome(ImpersonateNamedPipeClient(end), 0);
}

static long try_open(HANDLE end)
{
    HANDLE client = open_end(BOTH, 0);

    (void)end;
    if (client == INVALID_HANDLE_VALUE)
        return -(long)GetLastError();
    CHECK(CloseHandle(client));
    return 0;
}

/* The end is closed here, and not again afterwards. */
static long try_close(HANDLE end)
{
    HANDLE copy = NULL;

    CHECK(DuplicateHandle(GetCurrentProcess(), end, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    return outcome(CloseHandle(copy), 0);
}

/* ---- The tables. ---- */

typedef struct {
    const char *name;
    long (*call)(HANDLE end);
    /* What is queued for the end before the state is entered. */
    const char *queued;
    long expected[STATES];
} ROW;

static const ROW server_rows[] = {
    {"ConnectNamedPipe", try_connect, NULL, {PENDS, -535, -232, PENDS}},
    {"ConnectNamedPipe, PIPE_NOWAIT", try_connect_nowait, NULL, {-536, -535, -232, -536}},
    {"ReadFile, data", try_read, DATA, {NONE, QUEUED, QUEUED, NONE}},
    {"ReadFile, no data", try_read, NULL, {-536, PENDS, -109, -233}},
    {"ReadFile, no data, PIPE_NOWAIT", try_read_nowait, NULL, {-536, -232, -109, -233}},
    {"WriteFile", try_write, NULL, {-536, 6, -232, -233}},
    {"PeekNamedPipe, data", try_peek, DATA, {NONE, QUEUED, QUEUED, NONE}},
    {"PeekNamedPipe, no data", try_peek, NULL, {-230, 0, -109, -230}},
    {"TransactNamedPipe", try_transact, NULL, {-230, TRANSACTS, -230, -230}},
    {"FlushFileBuffers", try_flush, NULL, {0, 0, 0, 0}},
    {"DisconnectNamedPipe", try_disconnect, NULL, {0, 0, 0, -233}},
    {"DisconnectNamedPipe, data", try_disconnect, DATA, {NONE, 0, 0, NONE}},
    {"GetNamedPipeInfo", try_info, NULL, {0, 0, 0, 0}},
    {"GetNamedPipeHandleState", try_get_state, NULL, {0, 0, 0, 0}},
    {"SetNamedPipeHandleState", try_set_state, NULL, {0, 0, 0, 0}},
    {"GetNamedPipeClientProcessId", try_client_id, NULL, {-1168, 0, 0, -1168}},
    {"GetNamedPipeServerProcessId", try_server_id, NULL, {0, 0, 0, 0}},
    {"GetNamedPipeClientSessionId", try_client_session, NULL, {-1168, 0, 0, -1168}},
    {"GetNamedPipeServerSessionId", try_server_session, NULL, {0, 0, 0, 0}},
    {"ImpersonateNamedPipeClient", try_impersonate, NULL, {-1368, -1368, -1368, -1368}},
    {"CreateFile", try_open, NULL, {0, -231, -231, -231}},
};

static const ROW client_rows[] = {
    {"ConnectNamedPipe", try_connect, NULL, {NONE, -1, -1, -1}},
    {"DisconnectNamedPipe", try_disconnect, NULL, {NONE, -1, -1, -1}},
    {"ReadFile, data", try_read, DATA, {NONE, QUEUED, QUEUED, NONE}},
    {"ReadFile, no data", try_read, NULL, {NONE, PENDS, -109, -233}},
    {"ReadFile, no data, PIPE_NOWAIT", try_read_nowait, NULL, {NONE, -232, -109, -233}},
    {"WriteFile", try_write, NULL, {NONE, 6, -232, -233}},
    {"PeekNamedPipe, data", try_peek, DATA, {NONE, QUEUED, QUEUED, NONE}},
    {"PeekNamedPipe, no data", try_peek, NULL, {NONE, 0, -109, -233}},
    {"TransactNamedPipe", try_transact, NULL, {NONE, TRANSACTS, -230, -233}},
    {"FlushFileBuffers", try_flush, NULL, {NONE, 0, 0, -233}},
    {"GetNamedPipeInfo", try_info, NULL, {NONE, 0, 0, -233}},
    {"GetNamedPipeHandleState", try_get_state, NULL, {NONE, 0, 0, -233}},
    {"SetNamedPipeHandleState", try_set_state, NULL, {NONE, 0, 0, -233}},
    {"GetNamedPipeClientProcessId", try_client_id, NULL, {NONE, 0, 0, -233}},
    {"GetNamedPipeServerProcessId", try_server_id, NULL, {NONE, 0, 0, -233}},
    {"GetNamedPipeClientSessionId", try_client_session, NULL, {NONE, 0, 0, -233}},
    {"GetNamedPipeServerSessionId", try_server_session, NULL, {NONE, 0, 0, -233}},
    {"CloseHandle", try_close, NULL, {NONE, 0, 0, 0}},
};

/* ---- Trying them. ---- */

static HANDLE server, client;

/* The end at `side` is the one that will be tried: 0 the server's, 1 the client's. */
static void enter(int state, int side, const char *queued)
{
    server = make(DUPLEX | way.flags, way.pipe_mode, 4096);
    client = INVALID_HANDLE_VALUE;
    if (state == LISTENING)
        return;
    client = open_end(BOTH, way.flags);
    CHECK(client != INVALID_HANDLE_VALUE);
    set_mode(client, way.pipe_mode & PIPE_READMODE_MESSAGE);
    if (queued != NULL) {
        OPERATION operation;
        HANDLE from = side == 0 ? client : server;
        const DWORD size = (DWORD)strlen(queued);

        if (is_overlapped())
            CHECK(settled(from, &operation, start_write(from, &operation, queued, size)) == (long)size);
        else
            CHECK(say(from, queued) == (long)size);
    }
    if (state == CLOSING) {
        HANDLE *closed = side == 0 ? &client : &server;

        CHECK(CloseHandle(*closed));
        *closed = INVALID_HANDLE_VALUE;
    }
    if (state == DISCONNECTED)
        CHECK(DisconnectNamedPipe(server));
}

static void leave(void)
{
    if (server != INVALID_HANDLE_VALUE)
        CHECK(CloseHandle(server));
    if (client != INVALID_HANDLE_VALUE)
        CHECK(CloseHandle(client));
}

static long expected_of(const ROW *row, int state)
{
    const long expected = row->expected[state];

    if (expected == QUEUED)
        return (long)strlen(row->queued);
    if (expected == TRANSACTS)
        return way.pipe_mode & PIPE_READMODE_MESSAGE ? PENDS : -ERROR_BAD_PIPE;
    return expected;
}

static void try_cell(const ROW *row, int side, int state)
{
    const long expected = expected_of(row, state);
    long found;

    /* What waits on a synchronous end would wait for ever here; see pipe_waits.c. */
    if (expected == NONE || (expected == PENDS && !is_overlapped()))
        return;
    enter(state, side, row->queued);
    found = row->call(side == 0 ? server : client);
    if (found != expected) {
        fprintf(stderr, "%s end, %s, %s (flags %#x, modes %#x): %ld, not %ld\n", side == 0 ? "server" : "client",
                row->name, state_names[state], (unsigned)way.flags, (unsigned)way.pipe_mode, found, expected);
        failures++;
    }
    if (side == 0 && (row->call == try_connect || row->call == try_connect_nowait) && state == DISCONNECTED)
        CHECK(try_open(server) == 0);
    leave();
}

static void try_all_cells(void)
{
    size_t row;
    int state;

    for (state = LISTENING; state < STATES; state++) {
        for (row = 0; row < _countof(server_rows); row++)
            try_cell(&server_rows[row], 0, state);
        for (row = 0; row < _countof(client_rows); row++)
            try_cell(&client_rows[row], 1, state);
    }
}

/* A client stays disconnected, whatever the server end does next (P7.4 and the text before it). */
static void disconnected_client_stays_so(void)
{
    HANDLE ends[2], next;

    make_pair(ends, 0, way.pipe_mode, 100);
    CHECK(DisconnectNamedPipe(ends[0]));
    set_nowait(ends[0]);
    FAILS(ConnectNamedPipe(ends[0], NULL), ERROR_PIPE_LISTENING);
    next = open_end(BOTH, 0);
    CHECK(next != INVALID_HANDLE_VALUE);
    IS(say(ends[1], "x"), -ERROR_PIPE_NOT_CONNECTED);
    IS(say(next, "x"), 1);
    CHECK(CloseHandle(ends[0]));
    IS(say(ends[1], "x"), -ERROR_PIPE_NOT_CONNECTED);
    IS(say(next, "x"), -ERROR_NO_DATA);
    CHECK(CloseHandle(next) && CloseHandle(ends[1]));
}

/* P1.8, P4.6, P7.4: what a client still learns when the server end is closed. */
static void closing_client_still_knows_the_pipe(void)
{
    HANDLE ends[2], other;
    DWORD instances = 77, flags = 77, max = 77;

    make_pair(ends, 0, way.pipe_mode, 100);
    other = make(DUPLEX, way.pipe_mode, 100);
    CHECK(GetNamedPipeHandleState(ends[1], NULL, &instances, NULL, NULL, NULL, 0) && instances == 2);
    CHECK(CloseHandle(ends[0]));
    CHECK(GetNamedPipeHandleState(ends[1], NULL, &instances, NULL, NULL, NULL, 0) && instances == 1);
    CHECK(CloseHandle(other));
    CHECK(GetNamedPipeHandleState(ends[1], NULL, &instances, NULL, NULL, NULL, 0) && instances == 0);
    CHECK(GetNamedPipeInfo(ends[1], &flags, NULL, NULL, &max));
    CHECK(flags == (way.pipe_mode & PIPE_TYPE_MESSAGE) && max == PIPE_UNLIMITED_INSTANCES);
    CHECK(CloseHandle(ends[1]));
}

int main(void)
{
    const DWORD flags[] = {0, FILE_FLAG_OVERLAPPED};
    const DWORD modes[] = {PIPE_TYPE_BYTE, PIPE_TYPE_MESSAGE, MESSAGE_MODES};
    size_t flag, mode;

    for (mode = 0; mode < _countof(modes); mode++) {
        for (flag = 0; flag < _countof(flags); flag++) {
            way.flags = flags[flag];
            way.pipe_mode = modes[mode];
            try_all_cells();
        }
        disconnected_client_stays_so();
        closing_client_still_knows_the_pipe();
    }
    return checked();
}
