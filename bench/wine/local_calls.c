/* local_calls.c - what local calls cost: one program for two systems.
 *
 * It is compiled with tong's headers and library, and for Windows, to run under Wine; the benchmark shows both figures
 * side by side.
 *
 *   local_calls TASK MILLISECONDS    prints the seconds that one TASK takes, measured for about so long
 *   local_calls                      lists the tasks
 *
 * A task is repeated in growing numbers until they last long enough, and only the last number counts. Tasks between two
 * processes start this program again as the other one. */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 64
#define LARGE (64 * 1024)
#define QUOTA (256 * 1024)
#define MANY MAXIMUM_WAIT_OBJECTS

static HANDLE one, other, port, partner;
static HANDLE many[MANY];
static char name[MAX_PATH], here[MAX_PATH];
static char message[LARGE], reply[LARGE];
static OVERLAPPED reading, writing;

/* A call that fails is not worth a figure. */
static void need(BOOL success, const char *what)
{
    if (!success) {
        fprintf(stderr, "%s failed with %lu\n", what, (unsigned long)GetLastError());
        exit(EXIT_FAILURE);
    }
}

#define NEED(condition) need((condition) != 0, #condition)
#define TAKEN(handle) NEED(WaitForSingleObject((handle), INFINITE) == WAIT_OBJECT_0)

/* Objects without a name */

static void make_event(void)
{
    NEED(one = CreateEventA(NULL, FALSE, FALSE, NULL));
}

static void set_and_wait(void)
{
    NEED(SetEvent(one));
    TAKEN(one);
}

static void make_mutex(void)
{
    NEED(one = CreateMutexA(NULL, FALSE, NULL));
}

static void lock_and_unlock(void)
{
    TAKEN(one);
    NEED(ReleaseMutex(one));
}

static void make_semaphore(void)
{
    NEED(one = CreateSemaphoreA(NULL, 0, 10, NULL));
}

static void release_and_wait(void)
{
    NEED(ReleaseSemaphore(one, 1, NULL));
    TAKEN(one);
}

static void make_many(void)
{
    int i;

    for (i = 0; i < MANY; i++) {
        NEED(many[i] = CreateEventA(NULL, FALSE, FALSE, NULL));
    }
}

static void wait_for_any(void)
{
    NEED(SetEvent(many[MANY - 1]));
    NEED(WaitForMultipleObjects(MANY, many, FALSE, INFINITE) == WAIT_OBJECT_0 + MANY - 1);
}

static void event_life(void)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);

    NEED(event != NULL);
    NEED(CloseHandle(event));
}

static void named_event_life(void)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, "local-calls-life");

    NEED(event != NULL);
    NEED(CloseHandle(event));
}

/* The other process */

static void start(const char *role)
{
    char line[3 * MAX_PATH];
    STARTUPINFOA startup = { 0 };
    PROCESS_INFORMATION information;

    startup.cb = sizeof startup;
    snprintf(line, sizeof line, "\"%s\" %s %s", here, role, name);
    NEED(CreateProcessA(here, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &information));
    NEED(CloseHandle(information.hThread));
    partner = information.hProcess;
}

static void start_and_end(void)
{
    DWORD code = STILL_ACTIVE;

    start("nothing");
    TAKEN(partner);
    NEED(GetExitCodeProcess(partner, &code) && code == 0);
    NEED(CloseHandle(partner));
}

static HANDLE named_event(const char *word)
{
    char full[MAX_PATH + 16];
    HANDLE event;

    snprintf(full, sizeof full, "%s-%s", name, word);
    event = CreateEventA(NULL, FALSE, FALSE, full);
    NEED(event != NULL);
    return event;
}

static void make_signals(void)
{
    snprintf(name, sizeof name, "local-calls-%lu", (unsigned long)GetCurrentProcessId());
    one = named_event("there");
    other = named_event("back");
    start("signal-back");
}

static void signal_and_back(void)
{
    NEED(SetEvent(one));
    TAKEN(other);
}

static void signal_back(void)
{
    one = named_event("there");
    other = named_event("back");
    for (;;) {
        TAKEN(one);
        NEED(SetEvent(other));
    }
}

/* Pipes and mailslots */

static void name_pipe(void)
{
    snprintf(name, sizeof name, "\\\\.\\pipe\\local-calls-%lu", (unsigned long)GetCurrentProcessId());
}

static HANDLE instance(DWORD flags)
{
    HANDLE pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | flags,
                                   PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT, PIPE_UNLIMITED_INSTANCES, QUOTA,
                                   QUOTA, 0, NULL);

    NEED(pipe != INVALID_HANDLE_VALUE);
    return pipe;
}

static HANDLE client(DWORD flags)
{
    HANDLE pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags, NULL);
    DWORD mode = PIPE_READMODE_MESSAGE;

    NEED(pipe != INVALID_HANDLE_VALUE);
    NEED(SetNamedPipeHandleState(pipe, &mode, NULL, NULL));
    return pipe;
}

static void make_pipe(void)
{
    name_pipe();
    one = instance(0);
    other = client(0);
}

static void put(HANDLE to, DWORD length)
{
    DWORD written;

    NEED(WriteFile(to, message, length, &written, NULL) && written == length);
}

static void take(HANDLE from, DWORD length)
{
    DWORD got;

    NEED(ReadFile(from, reply, length, &got, NULL) && got == length);
}

static void write_and_read(void)
{
    put(other, SMALL);
    take(one, SMALL);
}

static void write_and_read_much(void)
{
    put(other, LARGE);
    take(one, LARGE);
}

static void peek(void)
{
    DWORD available;

    NEED(PeekNamedPipe(one, NULL, 0, NULL, &available, NULL) && available == 0);
}

static void pipe_life(void)
{
    HANDLE server = instance(0);
    HANDLE visitor = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);

    NEED(visitor != INVALID_HANDLE_VALUE);
    NEED(CloseHandle(visitor));
    NEED(CloseHandle(server));
}

static void make_talk(const char *role)
{
    name_pipe();
    one = instance(0);
    start(role);
    NEED(ConnectNamedPipe(one, NULL) || GetLastError() == ERROR_PIPE_CONNECTED);
}

static void make_answerer(void)
{
    make_talk("answer");
}

static void make_transactor(void)
{
    make_talk("transact");
}

static void message_and_answer(void)
{
    put(one, SMALL);
    take(one, SMALL);
}

static void answer(void)
{
    DWORD bytes;

    other = client(0);
    while (ReadFile(other, reply, LARGE, &bytes, NULL)) {
        put(other, bytes);
    }
}

static void serve_transaction(void)
{
    take(one, SMALL);
    put(one, SMALL);
}

static void transact(void)
{
    DWORD bytes;

    other = client(0);
    while (TransactNamedPipe(other, message, SMALL, reply, SMALL, &bytes, NULL)) {
    }
}

/* A client that comes and goes, while the server takes it in and throws it out. */
static void make_visitor(void)
{
    name_pipe();
    one = instance(0);
    start("visit");
}

static void receive_visit(void)
{
    DWORD error = ConnectNamedPipe(one, NULL) ? 0 : GetLastError();

    /* It may have come, or come and gone, before the call. */
    NEED(error == 0 || error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA);
    NEED(DisconnectNamedPipe(one));
}

static void visit(void)
{
    for (;;) {
        HANDLE pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);

        if (pipe != INVALID_HANDLE_VALUE) {
            CloseHandle(pipe);
        } else if (!WaitNamedPipeA(name, NMPWAIT_WAIT_FOREVER)) {
            return;
        }
    }
}

static void make_overlapped(void)
{
    name_pipe();
    one = instance(FILE_FLAG_OVERLAPPED);
    other = client(FILE_FLAG_OVERLAPPED);
}

static void make_overlapped_events(void)
{
    make_overlapped();
    NEED(reading.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL));
    NEED(writing.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL));
}

static void begin(BOOL done)
{
    NEED(done || GetLastError() == ERROR_IO_PENDING);
}

static void pending_read(void)
{
    DWORD bytes;

    begin(ReadFile(one, reply, SMALL, NULL, &reading));
    begin(WriteFile(other, message, SMALL, NULL, &writing));
    NEED(GetOverlappedResult(other, &writing, &bytes, TRUE) && bytes == SMALL);
    NEED(GetOverlappedResult(one, &reading, &bytes, TRUE) && bytes == SMALL);
}

static void make_port(void)
{
    NEED(port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1));
}

static void post_and_get(void)
{
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *which;

    NEED(PostQueuedCompletionStatus(port, SMALL, 1, &reading));
    NEED(GetQueuedCompletionStatus(port, &bytes, &key, &which, INFINITE) && which == &reading);
}

static void make_port_and_pipe(void)
{
    make_overlapped();
    make_port();
    NEED(CreateIoCompletionPort(one, port, 1, 0));
}

static void pending_read_by_port(void)
{
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *which;

    begin(ReadFile(one, reply, SMALL, NULL, &reading));
    begin(WriteFile(other, message, SMALL, NULL, &writing));
    NEED(GetQueuedCompletionStatus(port, &bytes, &key, &which, INFINITE) && which == &reading);
}

static void make_anonymous(void)
{
    NEED(CreatePipe(&one, &other, NULL, LARGE));
}

static void anonymous_life(void)
{
    make_anonymous();
    NEED(CloseHandle(one));
    NEED(CloseHandle(other));
}

static void make_mailslot(void)
{
    snprintf(name, sizeof name, "\\\\.\\mailslot\\local-calls-%lu", (unsigned long)GetCurrentProcessId());
    one = CreateMailslotA(name, 0, MAILSLOT_WAIT_FOREVER, NULL);
    NEED(one != INVALID_HANDLE_VALUE);
    other = CreateFileA(name, GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    NEED(other != INVALID_HANDLE_VALUE);
}

static void nothing(void)
{
}

typedef struct {
    const char *word;
    void (*prepare)(void);
    void (*repeat)(void);
} TASK;

static const TASK tasks[] = {
    { "set-wait", make_event, set_and_wait },
    { "lock-unlock", make_mutex, lock_and_unlock },
    { "release-wait", make_semaphore, release_and_wait },
    { "wait-any", make_many, wait_for_any },
    { "make-close", nothing, event_life },
    { "name-close", nothing, named_event_life },
    { "signal", make_signals, signal_and_back },
    { "start-process", nothing, start_and_end },
    { "pipe-write-read", make_pipe, write_and_read },
    { "pipe-bulk", make_pipe, write_and_read_much },
    { "pipe-peek", make_pipe, peek },
    { "pipe-life", name_pipe, pipe_life },
    { "pipe-turn", make_answerer, message_and_answer },
    { "pipe-transact", make_transactor, serve_transaction },
    { "pipe-visit", make_visitor, receive_visit },
    { "pipe-overlapped", make_overlapped_events, pending_read },
    { "port", make_port, post_and_get },
    { "pipe-port", make_port_and_pipe, pending_read_by_port },
    { "anonymous-write-read", make_anonymous, write_and_read },
    { "anonymous-life", nothing, anonymous_life },
    { "mailslot-write-read", make_mailslot, write_and_read },
};

/* What this program does as the other process of a task. */
static const TASK roles[] = {
    { "nothing", nothing, nothing },
    { "signal-back", nothing, signal_back },
    { "answer", nothing, answer },
    { "transact", nothing, transact },
    { "visit", nothing, visit },
};

static double now(void)
{
    LARGE_INTEGER count, per_second;

    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&per_second);
    return (double)count.QuadPart / (double)per_second.QuadPart;
}

static double seconds_for(const TASK *task, unsigned long count)
{
    unsigned long i;
    double begun = now();

    for (i = 0; i < count; i++) {
        task->repeat();
    }
    return now() - begun;
}

static void measure(const TASK *task, double enough)
{
    unsigned long count = 4;
    double taken;

    task->prepare();
    for (taken = seconds_for(task, count); taken < enough / 2; taken = seconds_for(task, count)) {
        count *= taken < enough / 32 ? 8 : 2;
    }
    printf("%.6e\n", taken / (double)count);
    if (partner != NULL) {
        TerminateProcess(partner, 0);
    }
}

static const TASK *find(const TASK *list, size_t length, const char *word)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (strcmp(list[i].word, word) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const size_t count = sizeof tasks / sizeof tasks[0];
    const TASK *task = argc > 1 ? find(tasks, count, argv[1]) : NULL;
    const TASK *role = argc > 1 ? find(roles, sizeof roles / sizeof roles[0], argv[1]) : NULL;
    size_t i;

    GetModuleFileNameA(NULL, here, sizeof here);
    memset(message, 'm', sizeof message);
    if (role != NULL) {
        snprintf(name, sizeof name, "%s", argc > 2 ? argv[2] : "");
        role->repeat();
        return EXIT_SUCCESS;
    }
    if (task == NULL) {
        for (i = 0; i < count; i++) {
            printf("%s\n", tasks[i].word);
        }
        return EXIT_FAILURE;
    }
    measure(task, argc > 2 ? atof(argv[2]) / 1000 : 0.1);
    return EXIT_SUCCESS;
}
