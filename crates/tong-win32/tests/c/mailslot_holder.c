/* mailslot_holder.c - ends, when standard input does, with everything still open: a mailslot whose handle is
 * protected, a thread that reads from it, and a file that is to be deleted on close.
 *
 * Usage: mailslot_holder FILE
 */
#include <pthread.h>
#include <tchar.h>
#include <windows.h>

static HANDLE mailslot;

static void *read_until_the_end(void *unused)
{
    BYTE byte;
    DWORD size;

    ReadFile(mailslot, &byte, 1, &size, NULL);
    _putts(_T("the read has returned"));
    fflush(stdout);
    return unused;
}

int _tmain(int argc, TCHAR *argv[])
{
    pthread_t reader;

    if (argc != 2)
        return 1;
    if (CreateFile(argv[1], GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE, NULL) ==
        INVALID_HANDLE_VALUE)
        return 2;
    mailslot = CreateMailslot(_T("\\\\.\\mailslot\\held"), 0, MAILSLOT_WAIT_FOREVER, NULL);
    if (mailslot == INVALID_HANDLE_VALUE)
        return 3;
    if (!SetHandleInformation(mailslot, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAG_PROTECT_FROM_CLOSE))
        return 4;
    if (CloseHandle(mailslot) || GetLastError() != ERROR_INVALID_HANDLE)
        return 5;
    if (pthread_create(&reader, NULL, read_until_the_end, NULL) != 0)
        return 6;
    _putts(_T("held"));
    fflush(stdout);
    while (_gettchar() != _TEOF)
        continue;
    return 0;
}
