/* threads.c - threads, queued calls and callbacks as C sees them. The process ends with its last thread (W-152). */
#include <process.h>
#include <windows.h>

#include "check.h"

static LONG calls;

static DWORD WINAPI leave(LPVOID code)
{
    /* By way of a frame that nobody returns to. */
    if (code != NULL)
        ExitThread((DWORD)(ULONG_PTR)code);
    return 1;
}

/* W-144 to W-150 */
static void threads(void)
{
    DWORD id = 0, code = 0;
    HANDLE opened, thread = CreateThread(NULL, 1 << 20, leave, (LPVOID)5050, CREATE_SUSPENDED, &id);

    CHECK(thread != NULL && id != 0 && id == GetThreadId(thread));
    CHECK(GetProcessIdOfThread(thread) == GetCurrentProcessId());
    opened = OpenThread(SYNCHRONIZE | THREAD_QUERY_LIMITED_INFORMATION, FALSE, id);
    CHECK(opened != NULL && CompareObjectHandles(thread, opened));
    CHECK(GetExitCodeThread(opened, &code) && code == STILL_ACTIVE);
    CHECK(SetThreadPriority(thread, THREAD_PRIORITY_HIGHEST));
    CHECK(GetThreadPriority(thread) == THREAD_PRIORITY_HIGHEST);
    CHECK(SuspendThread(thread) == 1 && ResumeThread(thread) == 2 && ResumeThread(thread) == 1);
    CHECK(WaitForSingleObject(opened, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(opened, &code) && code == 5050);
    CHECK(SuspendThread(thread) == (DWORD)-1 && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(TerminateThread(thread, 1) && GetExitCodeThread(opened, &code) && code == 5050);
    CHECK(CloseHandle(thread) && CloseHandle(opened));
    CHECK(GetThreadId(GetCurrentThread()) == GetCurrentThreadId());
    CHECK(OpenThread(SYNCHRONIZE, FALSE, GetCurrentProcessId()) == NULL);
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
}

static unsigned __stdcall count(void *times)
{
    InterlockedAdd(&calls, (LONG)(LONG_PTR)times);
    _endthreadex(7);
    return 0;
}

static void threads_of_the_run_time(void)
{
    unsigned id;
    DWORD code;
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, count, (void *)3, 0, &id);

    CHECK(thread != NULL && id != 0);
    CHECK(WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0 && calls == 3);
    CHECK(GetExitCodeThread(thread, &code) && code == 7 && CloseHandle(thread));
}

static VOID CALLBACK queued(ULONG_PTR times)
{
    calls += (LONG)times;
}

static VOID CALLBACK expired(LPVOID times, DWORD low, DWORD high)
{
    CHECK(low != 0 && high != 0);
    calls += (LONG)(LONG_PTR)times;
}

/* W-56 to W-64, W-117 */
static void queued_calls(void)
{
    HANDLE timer = CreateWaitableTimer(NULL, FALSE, NULL);
    LARGE_INTEGER due;

    calls = 0;
    CHECK(QueueUserAPC(queued, GetCurrentThread(), 1) && QueueUserAPC(queued, GetCurrentThread(), 10));
    CHECK(SleepEx(0, FALSE) == 0 && calls == 0);
    CHECK(SleepEx(INFINITE, TRUE) == WAIT_IO_COMPLETION && calls == 11);
    due.QuadPart = -10000;
    CHECK(SetWaitableTimer(timer, &due, 0, expired, (LPVOID)100, FALSE));
    CHECK(SleepEx(INFINITE, TRUE) == WAIT_IO_COMPLETION && calls == 111);
    CHECK(WaitForSingleObject(timer, 0) == WAIT_OBJECT_0 && CloseHandle(timer));
}

static VOID CALLBACK called(PVOID event, BOOLEAN timed_out)
{
    if (timed_out)
        InterlockedIncrement(&calls);
    SetEvent((HANDLE)event);
}

static DWORD WINAPI work(LPVOID event)
{
    SetEvent((HANDLE)event);
    return 0;
}

/* W-124, W-125, W-130, W-133, W-135, W-141 */
static void callbacks(void)
{
    HANDLE done = CreateEvent(NULL, FALSE, FALSE, NULL), object = CreateEvent(NULL, FALSE, TRUE, NULL);
    HANDLE queue = CreateTimerQueue(), timer, wait;

    calls = 0;
    CHECK(CreateTimerQueueTimer(&timer, queue, called, done, 1, 0, WT_EXECUTEDEFAULT));
    CHECK(WaitForSingleObject(done, INFINITE) == WAIT_OBJECT_0 && calls == 1);
    CHECK(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    CHECK(RegisterWaitForSingleObject(&wait, object, called, done, INFINITE, WT_EXECUTEONLYONCE));
    CHECK(WaitForSingleObject(done, INFINITE) == WAIT_OBJECT_0 && calls == 1);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CHECK(QueueUserWorkItem(work, done, WT_EXECUTEDEFAULT));
    CHECK(WaitForSingleObject(done, INFINITE) == WAIT_OBJECT_0);
    CHECK(CloseHandle(done) && CloseHandle(object));
}

static DWORD WINAPI outlive(LPVOID initial)
{
    DWORD code;

    CHECK(WaitForSingleObject((HANDLE)initial, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread((HANDLE)initial, &code) && code == 99);
    return (DWORD)checked();
}

int main(void)
{
    HANDLE initial;

    threads();
    threads_of_the_run_time();
    queued_calls();
    callbacks();
    CHECK(DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &initial, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    CHECK(CloseHandle(CreateThread(NULL, 0, outlive, initial, 0, NULL)));
    ExitThread(99);
}
