/* pipe_instances.c - the instances of one pipe, and what each handle may do (sections 4 and 6, and P25.2 to P25.7 within a
 * process). */
#include "pipes.h"

static HANDLE create(DWORD open_mode, DWORD pipe_mode, DWORD instances)
{
    return CreateNamedPipe(NAME, open_mode, pipe_mode, instances, 100, 100, 0, NULL);
}

static int create_fails(DWORD open_mode, DWORD instances, DWORD code)
{
    SetLastError(UNTOUCHED);
    return create(open_mode, 0, instances) == INVALID_HANDLE_VALUE && GetLastError() == code;
}

static DWORD count(HANDLE end)
{
    DWORD instances = 77;

    CHECK(GetNamedPipeHandleState(end, NULL, &instances, NULL, NULL, NULL, 0));
    return instances;
}

/* P1.1, P1.2, P4.1, P4.4, P4.5, P4.6, P20.4, P20.7 */
static void instances_are_counted_in_every_state(void)
{
    HANDLE ends[4], clients[3], again;
    DWORD max = 0;
    size_t each;

    for (each = 0; each < 4; each++) {
        ends[each] = create(DUPLEX, 0, 4);
        CHECK(count(ends[0]) == each + 1);
    }
    for (each = 0; each < 3; each++)
        clients[each] = open_end(BOTH, 0);
    CHECK(CloseHandle(clients[1]) && DisconnectNamedPipe(ends[2]));
    /* Connected, closing, disconnected, listening. */
    CHECK(count(ends[3]) == 4 && count(clients[0]) == 4);
    CHECK(create_fails(DUPLEX, 4, ERROR_PIPE_BUSY));
    CHECK(create_fails(DUPLEX, 255, ERROR_PIPE_BUSY));
    CHECK(CloseHandle(ends[0]));
    CHECK(count(ends[3]) == 3 && count(clients[0]) == 3);
    again = create(DUPLEX, 0, 7);
    CHECK(again != INVALID_HANDLE_VALUE && count(again) == 4);
    CHECK(GetNamedPipeInfo(again, NULL, NULL, NULL, &max) && max == 4);
    for (each = 1; each < 4; each++)
        CHECK(CloseHandle(ends[each]));
    CHECK(CloseHandle(again) && count(clients[0]) == 0);
    CHECK(CloseHandle(clients[0]) && CloseHandle(clients[2]));
}

/* P3.12, P4.7, P4.11, P4.12, P4.13 */
static void later_instances_are_refused_in_one_order(void)
{
    HANDLE first = create(DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 2), second;

    CHECK(first != INVALID_HANDLE_VALUE);
    CHECK(create_fails(DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 2, ERROR_ACCESS_DENIED));
    CHECK(create_fails(DUPLEX | WRITE_OWNER, 2, ERROR_ACCESS_DENIED));
    CHECK(create_fails(PIPE_ACCESS_INBOUND, 2, ERROR_ACCESS_DENIED));
    CHECK(create_fails(PIPE_ACCESS_OUTBOUND, 2, ERROR_ACCESS_DENIED));
    CHECK(create_fails(PIPE_ACCESS_INBOUND, 256, ERROR_INVALID_PARAMETER));
    CHECK(create_fails(DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, ERROR_INVALID_PARAMETER));
    second = create(DUPLEX, 0, 2);
    CHECK(second != INVALID_HANDLE_VALUE);
    CHECK(create_fails(DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 2, ERROR_PIPE_BUSY));
    CHECK(create_fails(PIPE_ACCESS_INBOUND, 2, ERROR_PIPE_BUSY));
    CHECK(CloseHandle(first) && CloseHandle(second));
}

/* P4.8, P4.9: type, count and time-out may differ; those of the first stand. */
static void first_attributes_stand(void)
{
    HANDLE first = CreateNamedPipe(NAME, DUPLEX, PIPE_TYPE_BYTE, 3, 100, 100, 300, NULL);
    HANDLE later = CreateNamedPipe(NAME, DUPLEX, MESSAGE_MODES, 5, 100, 100, 1, NULL), client;
    DWORD flags = 77, max = 77, state = 77;
    ULONGLONG before;

    CHECK(first != INVALID_HANDLE_VALUE && later != INVALID_HANDLE_VALUE);
    CHECK(GetNamedPipeInfo(later, &flags, NULL, NULL, &max));
    CHECK(flags == (PIPE_SERVER_END | PIPE_TYPE_BYTE) && max == 3);
    CHECK(GetNamedPipeHandleState(later, &state, NULL, NULL, NULL, NULL, 0) && state == 0);
    CHECK(CloseHandle(first));
    client = open_end(BOTH, 0);
    CHECK(client != INVALID_HANDLE_VALUE);
    before = GetTickCount64();
    FAILS(WaitNamedPipe(NAME, NMPWAIT_USE_DEFAULT_WAIT), ERROR_SEM_TIMEOUT);
    CHECK(GetTickCount64() - before >= 280);
    IS(say(client, "ab") + say(client, "cd"), 4);
    CHECK(hears(later, 100, "abcd"));
    CHECK(CloseHandle(client) && CloseHandle(later));

    first = create(DUPLEX, PIPE_TYPE_MESSAGE, 5);
    later = create(DUPLEX, PIPE_TYPE_BYTE, 5);
    CHECK(GetNamedPipeInfo(later, &flags, NULL, NULL, NULL) && flags == (PIPE_SERVER_END | PIPE_TYPE_MESSAGE));
    CHECK(CloseHandle(first) && CloseHandle(later));
}

/* P4.14: the name is free while clients of the old pipe are still there, and they never see the new one. */
static void name_is_free_after_the_last_server(void)
{
    HANDLE ends[2], other, cut, next, client;
    DWORD flags = 77;

    make_pair(ends, 0, MESSAGE_MODES, 100);
    other = make(DUPLEX, MESSAGE_MODES, 100);
    cut = open_end(BOTH, 0);
    CHECK(DisconnectNamedPipe(other) && CloseHandle(other));
    IS(say(ends[0], "left"), 4);
    CHECK(CloseHandle(ends[0]));
    next = create(PIPE_ACCESS_INBOUND | FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_TYPE_BYTE, 1);
    CHECK(next != INVALID_HANDLE_VALUE);
    client = open_end(GENERIC_WRITE, 0);
    CHECK(client != INVALID_HANDLE_VALUE && count(next) == 1);
    CHECK(hears(ends[1], 100, "left"));
    IS(say(ends[1], "x"), -ERROR_NO_DATA);
    IS(say(cut, "x"), -ERROR_PIPE_NOT_CONNECTED);
    CHECK(GetNamedPipeInfo(ends[1], &flags, NULL, NULL, NULL) && flags == PIPE_TYPE_MESSAGE);
    CHECK(CloseHandle(ends[1]) && CloseHandle(cut) && CloseHandle(client) && CloseHandle(next));
}

/* ---- Rights. ---- */

typedef struct {
    const char *name;
    DWORD direction, access;
    /* What the last error is of: read, write, peek, transact, flush, info, get and set state; 0 for none. */
    DWORD server[8], client[8];
} GRANT;

#define NO ERROR_ACCESS_DENIED
#define BAD ERROR_BAD_PIPE
#define EMPTY ERROR_NO_DATA

static DWORD code_of(BOOL done)
{
    return done ? 0 : GetLastError();
}

static void try_rights(const char *name, HANDLE end, const DWORD expected[8])
{
    DWORD found[8], number, mode = PIPE_NOWAIT;
    char byte;
    size_t each;

    /* An end that can be told does not wait; one that cannot has something to read. */
    found[7] = code_of(SetNamedPipeHandleState(end, &mode, NULL, NULL));
    found[0] = code_of(ReadFile(end, &byte, 1, &number, NULL));
    found[1] = code_of(WriteFile(end, "", 0, &number, NULL));
    found[2] = code_of(PeekNamedPipe(end, NULL, 0, NULL, NULL, NULL));
    found[3] = code_of(TransactNamedPipe(end, &byte, 1, &byte, 1, &number, NULL));
    found[4] = code_of(FlushFileBuffers(end));
    found[5] = code_of(GetNamedPipeInfo(end, NULL, NULL, NULL, NULL));
    found[6] = code_of(GetNamedPipeHandleState(end, &number, NULL, NULL, NULL, NULL, 0));
    for (each = 0; each < 8; each++)
        if (found[each] != expected[each]) {
            fprintf(stderr, "%s, call %u: %u, not %u\n", name, (unsigned)each, (unsigned)found[each],
                    (unsigned)expected[each]);
            failures++;
        }
}

/* P5.9, P6.1 to P6.6 */
static void handles_carry_the_rights_of_their_direction(void)
{
    static const GRANT grants[] = {
        {"duplex", DUPLEX, BOTH, {EMPTY, 0, 0, BAD, 0, 0, 0, 0}, {EMPTY, 0, 0, BAD, 0, 0, 0, 0}},
        {"inbound", PIPE_ACCESS_INBOUND, GENERIC_WRITE, {0, NO, 0, NO, NO, 0, 0, NO}, {NO, 0, NO, NO, 0, 0, 0, 0}},
        {"outbound", PIPE_ACCESS_OUTBOUND, GENERIC_READ, {NO, 0, NO, NO, 0, NO, NO, 0}, {0, NO, 0, NO, NO, 0, 0, NO}},
        {"outbound, settable", PIPE_ACCESS_OUTBOUND, GENERIC_READ | FILE_WRITE_ATTRIBUTES,
         {NO, 0, NO, NO, 0, NO, NO, 0}, {EMPTY, NO, 0, NO, NO, 0, 0, 0}},
        {"access 0", DUPLEX, 0, {EMPTY, 0, 0, BAD, 0, 0, 0, 0}, {NO, NO, NO, NO, NO, 0, 0, NO}},
    };
    size_t each;

    for (each = 0; each < _countof(grants); each++) {
        HANDLE server = make(grants[each].direction, PIPE_TYPE_BYTE, 100);
        HANDLE client = open_end(grants[each].access, 0);

        CHECK(client != INVALID_HANDLE_VALUE);
        if (each == 1)
            IS(say(client, "x"), 1);
        if (each == 2)
            IS(say(server, "x"), 1);
        /* Whoever reads comes first: a flush waits for it. */
        if (each == 2)
            try_rights(grants[each].name, client, grants[each].client);
        try_rights(grants[each].name, server, grants[each].server);
        if (each != 2)
            try_rights(grants[each].name, client, grants[each].client);
        CHECK(WaitForSingleObject(client, 0) == WAIT_OBJECT_0 && WaitForSingleObject(server, 0) == WAIT_OBJECT_0);
        CHECK(CloseHandle(server) && CloseHandle(client));
    }
}

static HANDLE less(HANDLE end, DWORD access)
{
    HANDLE copy = NULL, this_process = GetCurrentProcess();

    return DuplicateHandle(this_process, end, this_process, &copy, access, FALSE, 0) ? copy : NULL;
}

/* P6.7, P25.3, P25.4, P25.5, P25.7, P1.4, P1.5 */
static void duplicates_are_the_same_end(void)
{
    HANDLE ends[2], copy = NULL, bare, moved = NULL, this_process = GetCurrentProcess();
    DWORD state = 77;

    make_pair(ends, 0, MESSAGE_MODES, 100);
    CHECK(DuplicateHandle(this_process, ends[1], this_process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(CompareObjectHandles(copy, ends[1]) && !CompareObjectHandles(copy, ends[0]));
    set_mode(copy, PIPE_NOWAIT);
    CHECK(GetNamedPipeHandleState(ends[1], &state, NULL, NULL, NULL, NULL, 0) && state == PIPE_NOWAIT);
    IS(say(ends[0], "once"), 4);
    CHECK(hears(copy, 100, "once"));
    IS(read_end(ends[1], &state, 4), -ERROR_NO_DATA);
    CHECK(count(copy) == 1);

    bare = less(ends[0], SYNCHRONIZE);
    CHECK(bare != NULL);
    IS(say(bare, "x"), -ERROR_ACCESS_DENIED);
    IS(waiting(bare), -ERROR_ACCESS_DENIED);
    FAILS(ConnectNamedPipe(bare, NULL), ERROR_PIPE_CONNECTED);
    CHECK(less(bare, FILE_WRITE_DATA) == NULL && GetLastError() == ERROR_ACCESS_DENIED);

    CHECK(DuplicateHandle(this_process, ends[1], this_process, &moved, 0, FALSE,
                          DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    IS(say(ends[0], "moved"), 5);
    CHECK(CloseHandle(copy) && hears(moved, 100, "moved"));
    CHECK(DisconnectNamedPipe(bare) && CloseHandle(ends[0]));
    IS(say(moved, "x"), -ERROR_PIPE_NOT_CONNECTED);
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY);
    CHECK(CloseHandle(bare) && CloseHandle(moved));
    CHECK(open_end(BOTH, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND);
}

/* P6.4, P6.5, P20.19, M5.5: other handles do not know these functions. */
static void other_handles_are_refused(void)
{
    HANDLE mailslot = CreateMailslot(TEXT("\\\\.\\mailslot\\not a pipe"), 0, 0, NULL);
    HANDLE event = CreateEvent(NULL, TRUE, FALSE, NULL), ends[2];
    HANDLE file = CreateFile(TEXT("no pipe"), BOTH, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    const HANDLE handles[] = {mailslot, file, event, NULL, INVALID_HANDLE_VALUE};
    const DWORD codes[] = {ERROR_INVALID_FUNCTION, ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE, ERROR_INVALID_HANDLE,
                           ERROR_INVALID_HANDLE};
    DWORD number;
    ULONG id;
    size_t each;

    for (each = 0; each < _countof(handles); each++) {
        HANDLE handle = handles[each];

        FAILS(ConnectNamedPipe(handle, NULL), codes[each]);
        FAILS(DisconnectNamedPipe(handle), codes[each]);
        FAILS(PeekNamedPipe(handle, NULL, 0, NULL, NULL, NULL), codes[each]);
        FAILS(TransactNamedPipe(handle, &number, 1, &number, 1, &number, NULL), codes[each]);
        FAILS(GetNamedPipeInfo(handle, NULL, NULL, NULL, NULL), codes[each]);
        FAILS(GetNamedPipeHandleState(handle, NULL, NULL, NULL, NULL, NULL, 0), codes[each]);
        FAILS(SetNamedPipeHandleState(handle, NULL, NULL, NULL), codes[each]);
        FAILS(GetNamedPipeClientProcessId(handle, &id), codes[each]);
        FAILS(GetNamedPipeClientComputerName(handle, NULL, 0), codes[each]);
        FAILS(ImpersonateNamedPipeClient(handle), codes[each]);
    }
    make_pair(ends, 0, 0, 10);
    FAILS(GetMailslotInfo(ends[0], NULL, NULL, NULL, NULL), ERROR_INVALID_PARAMETER);
    FAILS(SetMailslotInfo(ends[1], 0), ERROR_INVALID_PARAMETER);
    CHECK(SetFilePointer(ends[0], 0, NULL, FILE_BEGIN) == INVALID_SET_FILE_POINTER &&
          GetLastError() == ERROR_INVALID_FUNCTION);
    CHECK(GetFileType(ends[0]) == FILE_TYPE_PIPE && GetFileType(ends[1]) == FILE_TYPE_PIPE);
    CHECK(DisconnectNamedPipe(ends[0]));
    CHECK(GetFileType(ends[0]) == FILE_TYPE_PIPE && GetFileType(ends[1]) == FILE_TYPE_PIPE);
    close_pair(ends);
    CHECK(CloseHandle(mailslot) && CloseHandle(file) && CloseHandle(event));
}

int main(void)
{
    instances_are_counted_in_every_state();
    later_instances_are_refused_in_one_order();
    first_attributes_stand();
    name_is_free_after_the_last_server();
    handles_carry_the_rights_of_their_direction();
    duplicates_are_the_same_end();
    other_handles_are_refused();
    return checked();
}
