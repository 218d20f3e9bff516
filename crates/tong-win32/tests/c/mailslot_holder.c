/* mailslot_holder.c - makes the mailslot \\.\mailslot\held, protects its handle from being closed, and ends without
 * closing it when standard input ends. */
#include <tchar.h>
#include <windows.h>

int _tmain(void)
{
    HANDLE mailslot = CreateMailslot(_T("\\\\.\\mailslot\\held"), 0, 0, NULL);

    if (mailslot == INVALID_HANDLE_VALUE)
        return 1;
    if (!SetHandleInformation(mailslot, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAG_PROTECT_FROM_CLOSE))
        return 2;
    if (CloseHandle(mailslot) || GetLastError() != ERROR_INVALID_HANDLE)
        return 3;
    _putts(_T("held"));
    fflush(stdout);
    while (_gettchar() != _TEOF)
        continue;
    return 0;
}
