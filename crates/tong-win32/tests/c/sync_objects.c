/* sync_objects.c - events, mutexes, semaphores, timers and the waits, as C sees them: with TCHAR names, and by the macros
 * that choose between the narrow and the wide functions. */
#include <windows.h>

#include <tchar.h>

#include "check.h"

/* W-71 to W-76, H-91, H-94, H-98 */
static void events(void)
{
    HANDLE made, found, opened;

    SetLastError(77);
    made = CreateEvent(NULL, FALSE, TRUE, TEXT("c event"));
    CHECK(made != NULL && GetLastError() == ERROR_SUCCESS);
    found = CreateEventEx(NULL, TEXT("c event"), CREATE_EVENT_MANUAL_RESET, EVENT_ALL_ACCESS);
    CHECK(found != NULL && GetLastError() == ERROR_ALREADY_EXISTS);
    opened = OpenEvent(SYNCHRONIZE, FALSE, _T("Local\\c event"));
    CHECK(opened != NULL && CompareObjectHandles(made, opened));
    CHECK(WaitForSingleObject(opened, 0) == WAIT_OBJECT_0);
    CHECK(WaitForSingleObject(made, 0) == WAIT_TIMEOUT);
    CHECK(SetEvent(found) && WaitForSingleObjectEx(made, INFINITE, TRUE) == WAIT_OBJECT_0);
    CHECK(!SetEvent(opened) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(SetEvent(made) && ResetEvent(made) && WaitForSingleObject(made, 1) == WAIT_TIMEOUT);
    CHECK(SetEvent(made) && PulseEvent(made) && WaitForSingleObject(made, 0) == WAIT_TIMEOUT);
    CHECK(CreateMutex(NULL, FALSE, TEXT("c event")) == NULL && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(made) && CloseHandle(found) && CloseHandle(opened));
    CHECK(OpenEvent(SYNCHRONIZE, FALSE, TEXT("c event")) == NULL && GetLastError() == ERROR_FILE_NOT_FOUND);
}

/* W-80 to W-84, W-98 to W-100 */
static void mutexes_and_semaphores(void)
{
    HANDLE mutex = CreateMutex(NULL, TRUE, NULL);
    HANDLE named = CreateMutexEx(NULL, TEXT("c mutex"), CREATE_MUTEX_INITIAL_OWNER, MUTEX_ALL_ACCESS);
    HANDLE opened = OpenMutex(MUTEX_MODIFY_STATE, FALSE, TEXT("c mutex"));
    HANDLE semaphore = CreateSemaphore(NULL, 0, 2, TEXT("c semaphore"));
    HANDLE other = OpenSemaphore(SEMAPHORE_MODIFY_STATE, FALSE, TEXT("c semaphore"));
    HANDLE again = CreateSemaphoreEx(NULL, 1, 1, TEXT("c semaphore"), 0, SEMAPHORE_ALL_ACCESS);
    LONG previous = -1;

    CHECK(mutex != NULL && named != NULL && opened != NULL && semaphore != NULL && other != NULL && again != NULL);
    CHECK(ReleaseMutex(mutex) && !ReleaseMutex(mutex) && GetLastError() == ERROR_NOT_OWNER);
    CHECK(ReleaseMutex(opened) && WaitForSingleObject(opened, 0) == WAIT_FAILED);
    CHECK(ReleaseSemaphore(other, 2, &previous) && previous == 0);
    CHECK(!ReleaseSemaphore(other, 1, &previous) && GetLastError() == ERROR_TOO_MANY_POSTS && previous == 0);
    CHECK(WaitForSingleObject(again, 0) == WAIT_OBJECT_0);
    CHECK(SignalObjectAndWait(other, semaphore, INFINITE, FALSE) == WAIT_OBJECT_0);
    CHECK(CloseHandle(mutex) && CloseHandle(named) && CloseHandle(opened));
    CHECK(CloseHandle(semaphore) && CloseHandle(other) && CloseHandle(again));
}

static DWORD expiries;

static VOID CALLBACK expired(LPVOID argument, DWORD low, DWORD high)
{
    CHECK(argument == &expiries && high > 0x01D00000 && (low | 1) != 0);
    expiries++;
}

/* W-106 to W-117 */
static void timers(void)
{
    HANDLE timer = CreateWaitableTimer(NULL, TRUE, TEXT("c timer"));
    HANDLE opened = OpenWaitableTimer(TIMER_ALL_ACCESS, FALSE, TEXT("c timer"));
    HANDLE quick = CreateWaitableTimerEx(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
    LARGE_INTEGER due;

    CHECK(timer != NULL && opened != NULL && quick != NULL);
    due.QuadPart = -200000LL;
    CHECK(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    CHECK(WaitForSingleObject(opened, 0) == WAIT_TIMEOUT && WaitForSingleObject(opened, INFINITE) == WAIT_OBJECT_0);
    due.QuadPart = -1;
    CHECK(SetWaitableTimerEx(quick, &due, 10, expired, &expiries, NULL, 0));
    CHECK(SleepEx(INFINITE, TRUE) == WAIT_IO_COMPLETION && SleepEx(INFINITE, TRUE) == WAIT_IO_COMPLETION);
    CHECK(expiries >= 2 && CancelWaitableTimer(quick));
    CHECK(CloseHandle(timer) && CloseHandle(opened) && CloseHandle(quick));
}

static DWORD WINAPI own_and_end(LPVOID mutex)
{
    return WaitForSingleObject(mutex, INFINITE);
}

/* W-19, W-25 to W-27, W-30, W-35, W-88 */
static void many(void)
{
    HANDLE objects[3], thread, both[2];
    DWORD code = 99;

    objects[0] = CreateEvent(NULL, TRUE, FALSE, NULL);
    objects[1] = CreateSemaphore(NULL, 1, 1, NULL);
    objects[2] = CreateMutex(NULL, FALSE, NULL);
    CHECK(WaitForMultipleObjects(3, objects, TRUE, 0) == WAIT_TIMEOUT);
    CHECK(WaitForMultipleObjects(3, objects, FALSE, INFINITE) == WAIT_OBJECT_0 + 1);
    thread = CreateThread(NULL, 0, own_and_end, objects[2], 0, NULL);
    CHECK(thread != NULL);
    both[0] = thread;
    both[1] = objects[2];
    CHECK(WaitForMultipleObjectsEx(2, both, TRUE, INFINITE, FALSE) == WAIT_ABANDONED_0);
    CHECK(GetExitCodeThread(thread, &code) && code == WAIT_OBJECT_0);
    CHECK(WaitForMultipleObjects(0, objects, FALSE, 0) == WAIT_FAILED && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(ReleaseMutex(objects[2]) && CloseHandle(thread));
    CHECK(CloseHandle(objects[0]) && CloseHandle(objects[1]) && CloseHandle(objects[2]));
}

int main(void)
{
    events();
    mutexes_and_semaphores();
    timers();
    many();
    return checked();
}
