/* mailslot_receiver.c - makes the mailslot \\.\mailslot\NAME and prints each message as a line, until "exit".
 *
 * Built both as ANSI and as UNICODE. Usage: mailslot_receiver NAME [TIMEOUT_MS]
 */
#include <tchar.h>
#include <windows.h>

#include <strsafe.h>

#define LONGEST 424

int _tmain(int argc, TCHAR *argv[])
{
    TCHAR path[MAX_PATH];
    TCHAR text[LONGEST + 1];
    DWORD timeout = argc > 2 ? (DWORD)_ttoi(argv[2]) : MAILSLOT_WAIT_FOREVER;
    DWORD bytes;
    HANDLE mailslot;

    if (argc < 2)
        return 2;
    StringCchPrintf(path, _countof(path), _T("\\\\.\\mailslot\\%s"), argv[1]);
    mailslot = CreateMailslot(path, LONGEST * sizeof(TCHAR), timeout, NULL);
    if (mailslot == INVALID_HANDLE_VALUE) {
        _ftprintf(stderr, _T("cannot make %s: error %lu\n"), path, GetLastError());
        return 1;
    }
    _putts(_T("ready"));
    fflush(stdout);
    while (ReadFile(mailslot, text, LONGEST * sizeof(TCHAR), &bytes, NULL)) {
        text[bytes / sizeof(TCHAR)] = 0;
        if (!_tcscmp(text, _T("exit")))
            break;
        _tprintf(_T("%lu bytes: %s\n"), bytes, text);
        fflush(stdout);
    }
    if (_tcscmp(text, _T("exit")) != 0)
        _ftprintf(stderr, _T("reading stopped: error %lu\n"), GetLastError());
    CloseHandle(mailslot);
    return 0;
}
