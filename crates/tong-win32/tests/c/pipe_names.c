/* pipe_names.c - names of pipes, and what CreateNamedPipe and CreateFile make of their arguments (sections 2, 3 and 5). */
#include "pipes.h"

#include <unistd.h>

static HANDLE create(const TCHAR *name)
{
    return CreateNamedPipe(name, DUPLEX, PIPE_TYPE_MESSAGE, 255, 10, 10, 0, NULL);
}

static HANDLE open_name(const TCHAR *name)
{
    return CreateFile(name, BOTH, 0, NULL, OPEN_EXISTING, 0, NULL);
}

static void creates(const TCHAR *name)
{
    HANDLE pipe = create(name);

    CHECK(pipe != INVALID_HANDLE_VALUE);
    CloseHandle(pipe);
}

static int create_fails(const TCHAR *name, DWORD code)
{
    SetLastError(UNTOUCHED);
    return create(name) == INVALID_HANDLE_VALUE && GetLastError() == code;
}

static int open_fails(const TCHAR *name, DWORD code)
{
    SetLastError(UNTOUCHED);
    return open_name(name) == INVALID_HANDLE_VALUE && GetLastError() == code;
}

/* One is made, and the other leads to it. */
static int is_one_pipe(const TCHAR *made, const TCHAR *opened)
{
    HANDLE server = create(made), client = open_name(opened);
    const int same = server != INVALID_HANDLE_VALUE && client != INVALID_HANDLE_VALUE;

    CloseHandle(client);
    CloseHandle(server);
    return same;
}

static int are_two_pipes(const TCHAR *made, const TCHAR *opened)
{
    HANDLE server = create(made);
    const int differ = server != INVALID_HANDLE_VALUE && open_fails(opened, ERROR_FILE_NOT_FOUND);

    CloseHandle(server);
    return differ;
}

/* P2.1, P2.2, P2.4, P2.5, P2.6, P2.7, P2.8, P2.14 */
static void names_that_are_good(void)
{
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\plain"), TEXT("\\\\.\\pipe\\plain")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\test\\pipe"), TEXT("\\\\.\\pipe\\test\\pipe")));
    CHECK(are_two_pipes(TEXT("\\\\.\\pipe\\test\\pipe"), TEXT("\\\\.\\pipe\\test")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\<>*?|\":!#$%&'()+,-;=@[]^_`{}~"),
                      TEXT("\\\\.\\pipe\\<>*?|\":!#$%&'()+,-;=@[]^_`{}~")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\test"), TEXT("\\\\.\\PIPE\\TEST")));
    CHECK(is_one_pipe(TEXT("\\\\.\\Pipe\\Straße ä"), TEXT("\\\\.\\pipe\\STRAßE Ä")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\파이프 🙂"), TEXT("\\\\.\\pipe\\파이프 🙂")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\a/b"), TEXT("\\\\.\\pipe\\a\\b")));
    CHECK(is_one_pipe(TEXT("//./pipe//a///b"), TEXT("\\\\.\\pipe\\a\\b")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\x\\..\\a\\.\\b"), TEXT("\\\\.\\pipe\\a\\b")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\end. ."), TEXT("\\\\.\\pipe\\end")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\x\\"), TEXT("\\\\.\\pipe\\x\\")));
    CHECK(are_two_pipes(TEXT("\\\\.\\pipe\\x\\"), TEXT("\\\\.\\pipe\\x")));
    CHECK(are_two_pipes(TEXT("\\\\.\\pipe\\x"), TEXT("\\\\.\\pipe\\x\\")));
    CHECK(is_one_pipe(TEXT("\\\\.\\pipe\\LOCAL\\x"), TEXT("\\\\.\\pipe\\local\\X")));
    CHECK(are_two_pipes(TEXT("\\\\.\\pipe\\LOCAL\\x"), TEXT("\\\\.\\pipe\\x")));
}

/* P2.3, P2.9, P2.10, P2.11, P2.12, P2.13 */
static void names_that_are_not(void)
{
    const TCHAR *const no_pipes[] = {TEXT("plain"), TEXT("pipe\\x"), TEXT("\\\\.\\pip\\x"), TEXT("\\\\.\\mailslot\\x"),
                                     TEXT("\\\\.\\pipe"), TEXT("\\\\.\\pipe\\"), TEXT("C:\\x")};
    TCHAR name[400];
    size_t each, start;

    for (each = 0; each < _countof(no_pipes); each++)
        CHECK(create_fails(no_pipes[each], ERROR_INVALID_NAME));
    CHECK(create_fails(NULL, ERROR_PATH_NOT_FOUND) && create_fails(TEXT(""), ERROR_PATH_NOT_FOUND));
    CHECK(create_fails(TEXT("\\\\some-other-host\\pipe\\x"), ERROR_INVALID_NAME));
    CHECK(open_fails(TEXT("\\\\.\\pipe"), ERROR_FILE_NOT_FOUND) &&
          open_fails(TEXT("\\\\.\\pipe\\"), ERROR_FILE_NOT_FOUND));
    CHECK(open_fails(TEXT("\\\\some-other-host\\pipe\\x"), ERROR_BAD_NETPATH));
    FAILS(WaitNamedPipe(TEXT("\\\\some-other-host\\pipe\\x"), 1), ERROR_BAD_NETPATH);
    for (each = 0; each < 4; each++)
        FAILS(WaitNamedPipe(no_pipes[each], 1), ERROR_PATH_NOT_FOUND);
    FAILS(WaitNamedPipe(TEXT(""), 1), ERROR_PATH_NOT_FOUND);

    _tcscpy(name, TEXT("\\\\.\\pipe\\"));
    start = _tcslen(name);
    for (each = start; each < 256; each++)
        name[each] = TEXT('n');
    name[256] = 0;
    CHECK(is_one_pipe(name, name));
    name[256] = TEXT('n');
    name[257] = 0;
    CHECK(create_fails(name, ERROR_FILENAME_EXCED_RANGE) && open_fails(name, ERROR_FILENAME_EXCED_RANGE));
}

#ifndef UNICODE
/* P2.13: the machine's own name means the machine, to clients. */
static void own_host_is_this_machine(void)
{
    char host[100], name[200];

    CHECK(gethostname(host, sizeof host) == 0);
    sprintf(name, "\\\\%.90s\\pipe\\on this host", host);
    CHECK(is_one_pipe("\\\\.\\pipe\\on this host", name));
    CHECK(create_fails(name, ERROR_INVALID_NAME));
}
#endif

/* P2.15, M2.11 */
static void pipes_and_mailslots_have_names_of_their_own(void)
{
    HANDLE pipe = create(NAME), mailslot = CreateMailslot(TEXT("\\\\.\\mailslot\\self test"), 0, 0, NULL);

    CHECK(pipe != INVALID_HANDLE_VALUE && mailslot != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(pipe) && CloseHandle(mailslot));
}

static DWORD error_of(DWORD open_mode, DWORD pipe_mode, DWORD instances)
{
    HANDLE pipe = CreateNamedPipe(NAME, open_mode, pipe_mode, instances, 10, 10, 0, NULL);

    if (pipe == INVALID_HANDLE_VALUE)
        return GetLastError();
    CHECK(CloseHandle(pipe));
    return 0;
}

/* P3.2, P3.3, P3.4, P3.5, P3.9, P3.10, P3.12 */
static void parameters_are_checked(void)
{
    static const struct {
        DWORD open_mode, pipe_mode, instances, error;
    } cases[] = {
        {PIPE_ACCESS_INBOUND, 0, 1, 0},
        {PIPE_ACCESS_OUTBOUND, PIPE_TYPE_MESSAGE, 254, 0},
        {DUPLEX, MESSAGE_MODES, 255, 0},
        {DUPLEX | FILE_FLAG_WRITE_THROUGH | FILE_FLAG_OVERLAPPED, PIPE_NOWAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, 0},
        {DUPLEX | WRITE_DAC, 0, 1, 0},
        {DUPLEX | WRITE_OWNER, 0, 1, 0},
        {DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 1, 0},
        {0, 0, 1, ERROR_INVALID_PARAMETER},
        {FILE_FLAG_OVERLAPPED, 0, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX | 4, 0, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX | GENERIC_ALL, 0, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX | FILE_FLAG_DELETE_ON_CLOSE, 0, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX, 0x10, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX, 0x80000000, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX, PIPE_TYPE_BYTE | PIPE_READMODE_MESSAGE, 1, ERROR_INVALID_PARAMETER},
        {DUPLEX, 0, 0, ERROR_INVALID_PARAMETER},
        {DUPLEX, 0, 256, ERROR_INVALID_PARAMETER},
        {DUPLEX, 0, 0xFFFFFFFF, ERROR_INVALID_PARAMETER},
        {DUPLEX | ACCESS_SYSTEM_SECURITY, 0, 1, ERROR_PRIVILEGE_NOT_HELD},
    };
    size_t each;

    for (each = 0; each < _countof(cases); each++) {
        const DWORD error = error_of(cases[each].open_mode, cases[each].pipe_mode, cases[each].instances);

        if (error != cases[each].error) {
            fprintf(stderr, "case %u: %u, not %u\n", (unsigned)each, (unsigned)error, (unsigned)cases[each].error);
            failures++;
        }
    }
}

/* P3.1, P3.6, P3.11, P3.13, P7.2, P20.2 */
static void sizes_and_modes_are_what_was_asked_for(void)
{
    const DWORD sizes[] = {0, 1, 4096, 0xF000, 0x7FFFFFFF};
    DWORD out, in, state;
    HANDLE pipe, other;
    size_t each;

    for (each = 0; each < _countof(sizes); each++) {
        pipe = CreateNamedPipe(NAME, DUPLEX, 0, 1, sizes[each], sizes[_countof(sizes) - 1 - each], 0, NULL);
        CHECK(GetNamedPipeInfo(pipe, NULL, &out, &in, NULL));
        CHECK(out == sizes[each] && in == sizes[_countof(sizes) - 1 - each]);
        CHECK(CloseHandle(pipe));
    }
    pipe = make(DUPLEX, PIPE_TYPE_MESSAGE, 10);
    other = CreateNamedPipe(NAME, DUPLEX | FILE_FLAG_OVERLAPPED, MESSAGE_MODES | PIPE_NOWAIT, 255, 3, 4, 0, NULL);
    CHECK(GetNamedPipeHandleState(pipe, &state, NULL, NULL, NULL, NULL, 0) && state == 0);
    CHECK(GetNamedPipeHandleState(other, &state, NULL, NULL, NULL, NULL, 0));
    CHECK(state == (PIPE_NOWAIT | PIPE_READMODE_MESSAGE));
    CHECK(GetNamedPipeInfo(other, NULL, &out, &in, NULL) && out == 3 && in == 4);
    CHECK(GetNamedPipeInfo(pipe, NULL, &out, &in, NULL) && out == 10 && in == 10);
    CHECK(CloseHandle(pipe) && CloseHandle(other));
}

/* P3.8, P5.13, P25.1 */
static void security_attributes_say_whether_children_inherit(void)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, TRUE};
    DWORD flags = 77;
    HANDLE server, client;

    server = CreateNamedPipe(NAME, DUPLEX, 0, 255, 0, 0, 0, &attributes);
    client = CreateFile(NAME, BOTH, 0, &attributes, OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IMPERSONATION, NULL);
    CHECK(GetHandleInformation(server, &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(GetHandleInformation(client, &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(CloseHandle(server) && CloseHandle(client));
    server = make(DUPLEX, 0, 0);
    client = open_end(BOTH, 0);
    CHECK(GetHandleInformation(server, &flags) && flags == 0);
    CHECK(GetHandleInformation(client, &flags) && flags == 0);
    CHECK(SetHandleInformation(client, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    CHECK(GetHandleInformation(client, &flags) && flags == HANDLE_FLAG_INHERIT);
    CHECK(CloseHandle(server) && CloseHandle(client));
}

/* P5.1, P5.2, P5.5, P5.10, P5.12, P5.14 */
static void opening(void)
{
    DWORD share, disposition, state;
    HANDLE server, client;

    CHECK(open_fails(NAME, ERROR_FILE_NOT_FOUND));
    for (share = 0; share < 8; share++) {
        for (disposition = CREATE_NEW; disposition <= TRUNCATE_EXISTING; disposition++) {
            CHECK(CreateFile(NAME, BOTH, share, NULL, disposition, 0, NULL) == INVALID_HANDLE_VALUE);
            CHECK(GetLastError() == ERROR_FILE_NOT_FOUND);
            server = make(DUPLEX, MESSAGE_MODES | PIPE_NOWAIT, 0);
            client = CreateFile(NAME, BOTH, share, NULL, disposition, 0, NULL);
            CHECK(client != INVALID_HANDLE_VALUE);
            CHECK(GetNamedPipeHandleState(client, &state, NULL, NULL, NULL, NULL, 0) && state == 0);
            CHECK(open_fails(NAME, ERROR_PIPE_BUSY));
            CHECK(CloseHandle(client) && CloseHandle(server));
        }
    }
}

static int opens_with(DWORD access, DWORD error)
{
    HANDLE client;

    SetLastError(UNTOUCHED);
    client = open_end(access, 0);
    if (client == INVALID_HANDLE_VALUE)
        return GetLastError() == error;
    CHECK(CloseHandle(client));
    return error == 0;
}

/* P5.6, P5.7, P5.8 */
static void access_must_fit_the_direction(void)
{
    static const struct {
        DWORD direction, access, error;
    } cases[] = {
        {PIPE_ACCESS_INBOUND, GENERIC_WRITE, 0},
        {PIPE_ACCESS_INBOUND, GENERIC_READ, ERROR_ACCESS_DENIED},
        {PIPE_ACCESS_INBOUND, GENERIC_READ | GENERIC_WRITE, ERROR_ACCESS_DENIED},
        {PIPE_ACCESS_INBOUND, FILE_READ_DATA, ERROR_ACCESS_DENIED},
        {PIPE_ACCESS_INBOUND, GENERIC_ALL, ERROR_ACCESS_DENIED},
        {PIPE_ACCESS_INBOUND, 0, 0},
        {PIPE_ACCESS_OUTBOUND, GENERIC_READ, 0},
        {PIPE_ACCESS_OUTBOUND, GENERIC_READ | FILE_WRITE_ATTRIBUTES, 0},
        {PIPE_ACCESS_OUTBOUND, GENERIC_WRITE, ERROR_ACCESS_DENIED},
        {PIPE_ACCESS_OUTBOUND, FILE_WRITE_DATA, ERROR_ACCESS_DENIED},
        {PIPE_ACCESS_OUTBOUND, 0, 0},
        {DUPLEX, GENERIC_READ, 0},
        {DUPLEX, GENERIC_WRITE, 0},
        {DUPLEX, GENERIC_ALL, 0},
        {DUPLEX, 0, 0},
    };
    size_t each;

    for (each = 0; each < _countof(cases); each++) {
        HANDLE server = make(cases[each].direction, 0, 10);

        CHECK(opens_with(cases[each].access, cases[each].error));
        /* A refused attempt takes no instance, any other does. */
        CHECK(opens_with(0, cases[each].error != 0 ? 0 : ERROR_PIPE_BUSY));
        CHECK(CloseHandle(server));
    }
}

/* P5.4: those that have been listening longest come first; connecting again does not change places. */
static void oldest_listener_is_taken(void)
{
    HANDLE servers[3], clients[3];
    size_t each;

    for (each = 0; each < 3; each++)
        servers[each] = make(DUPLEX, PIPE_NOWAIT, 10);
    FAILS(ConnectNamedPipe(servers[0], NULL), ERROR_PIPE_LISTENING);
    for (each = 0; each < 3; each++) {
        clients[each] = open_end(BOTH, 0);
        FAILS(ConnectNamedPipe(servers[each], NULL), ERROR_PIPE_CONNECTED);
        CHECK(each == 2 || !ConnectNamedPipe(servers[each + 1], NULL));
        CHECK(each == 2 || GetLastError() == ERROR_PIPE_LISTENING);
    }
    /* The one that listens again first is taken first. */
    for (each = 3; each-- > 0;) {
        CHECK(CloseHandle(clients[each]) && DisconnectNamedPipe(servers[each]));
        FAILS(ConnectNamedPipe(servers[each], NULL), ERROR_PIPE_LISTENING);
    }
    for (each = 3; each-- > 0;) {
        clients[each] = open_end(BOTH, 0);
        FAILS(ConnectNamedPipe(servers[each], NULL), ERROR_PIPE_CONNECTED);
    }
    for (each = 0; each < 3; each++)
        CHECK(CloseHandle(servers[each]) && CloseHandle(clients[each]));
}

int main(void)
{
    creates(NAME);
    names_that_are_good();
    names_that_are_not();
#ifndef UNICODE
    own_host_is_this_machine();
#endif
    pipes_and_mailslots_have_names_of_their_own();
    parameters_are_checked();
    sizes_and_modes_are_what_was_asked_for();
    security_attributes_say_whether_children_inherit();
    opening();
    access_must_fit_the_direction();
    oldest_listener_is_taken();
    return checked();
}
