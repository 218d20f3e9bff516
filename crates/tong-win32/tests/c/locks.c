/* locks.c - what synchronizes the threads of one process: critical sections, SRW locks, condition variables, one-time
 * initialization, lists, slots, timer queues; with the static initializers that programs use. */
#include <windows.h>

#include <process.h>

#include "check.h"

#define THREADS 4
#define ROUNDS 5000

static CRITICAL_SECTION section;
static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static LONG in_section, in_lock, initializations;
static volatile LONG interlocked;
static SLIST_HEADER list;
static DWORD slot;

typedef struct {
    SLIST_ENTRY entry;
    LONG number;
} ITEM;

static BOOL CALLBACK initialize(PINIT_ONCE unused, PVOID parameter, PVOID *context)
{
    UNREFERENCED_PARAMETER(unused);
    InterlockedIncrement((LONG *)parameter);
    *context = &list;
    return TRUE;
}

static unsigned __stdcall work(void *argument)
{
    LONG i;
    PVOID context = NULL;
    ITEM *items = (ITEM *)argument;

    CHECK(InitOnceExecuteOnce(&once, initialize, &initializations, &context) && context == &list);
    CHECK(TlsGetValue(slot) == NULL && TlsSetValue(slot, argument));
    for (i = 0; i < ROUNDS; i++) {
        EnterCriticalSection(&section);
        in_section++;
        LeaveCriticalSection(&section);
        AcquireSRWLockExclusive(&lock);
        in_lock++;
        ReleaseSRWLockExclusive(&lock);
        InterlockedIncrement(&interlocked);
    }
    for (i = 0; i < 10; i++) {
        InterlockedPushEntrySList(&list, &items[i].entry);
    }
    AcquireSRWLockShared(&lock);
    ReleaseSRWLockShared(&lock);
    WakeAllConditionVariable(&changed);
    CHECK(TlsGetValue(slot) == argument);
    return 7;
}

static void run_threads(void)
{
    static ITEM items[THREADS][10];
    HANDLE threads[THREADS];
    DWORD code;
    unsigned id;
    int i;

    for (i = 0; i < THREADS; i++) {
        threads[i] = (HANDLE)_beginthreadex(NULL, 0, work, items[i], 0, &id);
        CHECK(threads[i] != NULL && id != 0);
    }
    AcquireSRWLockExclusive(&lock);
    while (in_lock < THREADS * ROUNDS) {
        SleepConditionVariableSRW(&changed, &lock, 20, 0);
    }
    ReleaseSRWLockExclusive(&lock);
    CHECK(WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE) == WAIT_OBJECT_0);
    for (i = 0; i < THREADS; i++) {
        CHECK(GetExitCodeThread(threads[i], &code) && code == 7 && CloseHandle(threads[i]));
    }
    CHECK(in_section == THREADS * ROUNDS && in_lock == THREADS * ROUNDS && interlocked == THREADS * ROUNDS);
    CHECK(initializations == 1 && QueryDepthSList(&list) == THREADS * 10);
    CHECK(InterlockedPopEntrySList(&list) != NULL && InterlockedFlushSList(&list) != NULL);
    CHECK(QueryDepthSList(&list) == 0);
}

static VOID CALLBACK ring(PVOID event, BOOLEAN timed_out)
{
    CHECK(timed_out);
    SetEvent((HANDLE)event);
}

/* W-124, W-125, W-130 */
static void timer_queue(void)
{
    HANDLE event = CreateEvent(NULL, FALSE, FALSE, NULL);
    HANDLE queue = CreateTimerQueue(), timer = NULL;

    CHECK(CreateTimerQueueTimer(&timer, queue, ring, event, 10, 10, WT_EXECUTEDEFAULT));
    CHECK(WaitForSingleObject(event, INFINITE) == WAIT_OBJECT_0 && WaitForSingleObject(event, INFINITE) == WAIT_OBJECT_0);
    CHECK(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE) && CloseHandle(event));
}

int main(void)
{
    BOOL pending = FALSE;

    CHECK(InitializeCriticalSectionAndSpinCount(&section, 400) && TryEnterCriticalSection(&section));
    CHECK(!SleepConditionVariableCS(&changed, &section, 5) && GetLastError() == ERROR_TIMEOUT);
    LeaveCriticalSection(&section);
    InitializeSListHead(&list);
    slot = TlsAlloc();
    CHECK(slot != TLS_OUT_OF_INDEXES);
    run_threads();
    CHECK(InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, NULL) && !pending);
    CHECK(TlsFree(slot));
    DeleteCriticalSection(&section);
    timer_queue();
    return checked();
}
