/* pipe_queries.c - what can be asked of pipes, and setting their modes (sections 20 and 21). */
#include "pipes.h"

/* P20.1, P20.3, P20.4, P20.5 */
static void info_is_of_the_end_that_asks(void)
{
    static const struct {
        DWORD open_mode, pipe_mode, instances, type;
    } cases[] = {
        {DUPLEX, PIPE_TYPE_BYTE, 3, PIPE_TYPE_BYTE},
        {DUPLEX, MESSAGE_MODES | PIPE_NOWAIT, 255, PIPE_TYPE_MESSAGE},
        {PIPE_ACCESS_INBOUND, PIPE_TYPE_MESSAGE, 1, PIPE_TYPE_MESSAGE},
    };
    size_t each;

    for (each = 0; each < _countof(cases); each++) {
        HANDLE server = CreateNamedPipe(NAME, cases[each].open_mode, cases[each].pipe_mode, cases[each].instances, 11, 22,
                                        0, NULL);
        HANDLE client = open_end(each == 2 ? GENERIC_WRITE : BOTH, 0);
        DWORD flags = 77, out = 77, in = 77, max = 77;

        CHECK(GetNamedPipeInfo(server, &flags, &out, &in, &max));
        CHECK(flags == (PIPE_SERVER_END | cases[each].type) && out == 11 && in == 22 && max == cases[each].instances);
        CHECK(GetNamedPipeInfo(client, &flags, &out, &in, &max));
        CHECK(flags == (PIPE_CLIENT_END | cases[each].type) && out == 22 && in == 11 && max == cases[each].instances);
        CHECK(GetNamedPipeInfo(server, NULL, NULL, NULL, NULL) && GetNamedPipeInfo(client, NULL, NULL, NULL, NULL));
        CHECK(CloseHandle(server) && CloseHandle(client));
    }
}

static DWORD state_of(HANDLE end)
{
    DWORD state = 77;

    CHECK(GetNamedPipeHandleState(end, &state, NULL, NULL, NULL, NULL, 0));
    return state;
}

/* P20.6, P20.8, P20.9, P20.10 */
static void state_is_of_the_end_that_asks(void)
{
    HANDLE ends[2];
    TCHAR user[300];
    DWORD number = 77, state = 77, instances = 77;

    make_pair(ends, 0, MESSAGE_MODES, 10);
    set_mode(ends[1], PIPE_NOWAIT);
    CHECK(state_of(ends[0]) == PIPE_READMODE_MESSAGE && state_of(ends[1]) == PIPE_NOWAIT);
    CHECK(GetNamedPipeHandleState(ends[0], &state, &instances, NULL, NULL, NULL, 0));
    CHECK(state == PIPE_READMODE_MESSAGE && instances == 1);
    CHECK(GetNamedPipeHandleState(ends[0], NULL, NULL, NULL, NULL, NULL, 0));
    FAILS(GetNamedPipeHandleState(ends[0], NULL, NULL, &number, NULL, NULL, 0), ERROR_INVALID_PARAMETER);
    FAILS(GetNamedPipeHandleState(ends[1], NULL, NULL, NULL, &number, NULL, 0), ERROR_INVALID_PARAMETER);
    user[0] = 0;
    CHECK(GetNamedPipeHandleState(ends[0], NULL, NULL, NULL, NULL, user, _countof(user)) && user[0] != 0);
    FAILS(GetNamedPipeHandleState(ends[0], NULL, NULL, NULL, NULL, user, 1), ERROR_INSUFFICIENT_BUFFER);
    FAILS(GetNamedPipeHandleState(ends[1], NULL, NULL, NULL, NULL, user, _countof(user)), ERROR_INVALID_PARAMETER);
    close_pair(ends);
}

/* P20.11, P20.14, P20.15, P20.16 */
static void both_modes_are_set_at_once(void)
{
    const DWORD modes[] = {PIPE_NOWAIT | PIPE_READMODE_MESSAGE, PIPE_READMODE_MESSAGE, PIPE_NOWAIT, 0};
    HANDLE ends[2], other = make(DUPLEX, MESSAGE_MODES | PIPE_NOWAIT, 10);
    DWORD number = 0;
    size_t end, from, to;

    make_pair(ends, 0, MESSAGE_MODES, 10);
    CHECK(CloseHandle(other));
    other = make(DUPLEX, PIPE_TYPE_MESSAGE, 10);
    for (end = 0; end < 2; end++)
        for (from = 0; from < _countof(modes); from++)
            for (to = 0; to < _countof(modes); to++) {
                const DWORD peer = state_of(ends[1 - end]);

                set_mode(ends[end], modes[from]);
                CHECK(state_of(ends[end]) == modes[from]);
                set_mode(ends[end], modes[to]);
                CHECK(state_of(ends[end]) == modes[to]);
                CHECK(state_of(ends[1 - end]) == peer && state_of(other) == 0);
            }
    CHECK(SetNamedPipeHandleState(ends[0], NULL, NULL, NULL) && state_of(ends[0]) == 0);
    FAILS(SetNamedPipeHandleState(ends[0], NULL, &number, NULL), ERROR_INVALID_PARAMETER);
    FAILS(SetNamedPipeHandleState(ends[0], NULL, NULL, &number), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(other));
    close_pair(ends);
}

/* P20.12, P20.13, P20.17, P20.18 */
static void modes_that_cannot_be_set(void)
{
    HANDLE ends[2];
    OPERATION read;
    DWORD mode, bit;

    make_pair(ends, FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 10);
    for (bit = 4; bit != 0; bit <<= 1) {
        mode = bit | PIPE_NOWAIT;
        FAILS(SetNamedPipeHandleState(ends[0], &mode, NULL, NULL), ERROR_INVALID_PARAMETER);
    }
    mode = PIPE_READMODE_MESSAGE | PIPE_NOWAIT;
    FAILS(SetNamedPipeHandleState(ends[0], &mode, NULL, NULL), ERROR_INVALID_PARAMETER);
    FAILS(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL), ERROR_INVALID_PARAMETER);
    CHECK(state_of(ends[0]) == 0 && state_of(ends[1]) == 0);
    IS(start_read(ends[0], &read, 10), PENDS);
    mode = PIPE_NOWAIT;
    FAILS(SetNamedPipeHandleState(ends[0], &mode, NULL, NULL), ERROR_PIPE_BUSY);
    IS(say(ends[1], "x"), 1);
    IS(end_of(ends[0], &read), 1);
    IS(start_write(ends[1], &read, "more than ten", 13), PENDS);
    FAILS(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL), ERROR_PIPE_BUSY);
    CHECK(CloseHandle(ends[0]));
    IS(end_of(ends[1], &read), -ERROR_BROKEN_PIPE);
    set_mode(ends[1], PIPE_NOWAIT);
    CHECK(state_of(ends[1]) == PIPE_NOWAIT && CloseHandle(ends[1]));
}

/* P21.1, P21.3, P21.4, P21.5, P21.6, P21.7, P21.8, P21.9 */
static void ends_know_each_other(void)
{
    HANDLE server = make(DUPLEX, 0, 10), client;
    TCHAR computer[100];
    ULONG id = 77, session = 77, other = 78;

    FAILS(GetNamedPipeClientProcessId(server, &id), ERROR_NOT_FOUND);
    FAILS(GetNamedPipeClientSessionId(server, &id), ERROR_NOT_FOUND);
    client = open_end(BOTH, 0);
    CHECK(GetNamedPipeClientProcessId(server, &id) && id == GetCurrentProcessId());
    CHECK(GetNamedPipeServerProcessId(client, &id) && id == GetCurrentProcessId());
    CHECK(GetNamedPipeServerSessionId(client, &session) && GetNamedPipeClientSessionId(server, &other));
    CHECK(session == other);
    FAILS(GetNamedPipeClientProcessId(server, NULL), ERROR_INSUFFICIENT_BUFFER);
    FAILS(GetNamedPipeServerProcessId(server, NULL), ERROR_INSUFFICIENT_BUFFER);
    FAILS(GetNamedPipeServerSessionId(client, NULL), ERROR_INSUFFICIENT_BUFFER);
    FAILS(GetNamedPipeClientComputerName(server, computer, _countof(computer)), ERROR_PIPE_LOCAL);
    CHECK(CloseHandle(client));
    CHECK(GetNamedPipeClientProcessId(server, &id) && id == GetCurrentProcessId());
    CHECK(DisconnectNamedPipe(server));
    FAILS(GetNamedPipeClientProcessId(server, &id), ERROR_NOT_FOUND);
    CHECK(CloseHandle(server));
}

/* P21.10 */
static void nobody_is_impersonated(void)
{
    HANDLE ends[2];

    make_pair(ends, 0, 0, 10);
    FAILS(ImpersonateNamedPipeClient(ends[0]), ERROR_CANNOT_IMPERSONATE);
    IS(say(ends[1], "x"), 1);
    CHECK(hears(ends[0], 1, "x"));
    FAILS(ImpersonateNamedPipeClient(ends[0]), ERROR_CANNOT_IMPERSONATE);
    CHECK(RevertToSelf());
    close_pair(ends);
}

int main(void)
{
    info_is_of_the_end_that_asks();
    state_is_of_the_end_that_asks();
    both_modes_are_set_at_once();
    modes_that_cannot_be_set();
    ends_know_each_other();
    nobody_is_impersonated();
    return checked();
}
