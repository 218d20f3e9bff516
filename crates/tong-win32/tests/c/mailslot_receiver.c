/* mailslot_receiver.c - makes the mailslot \\.\mailslot\NAME and prints each message as a line, until "exit".
 *
 * Usage: mailslot_receiver NAME [TIMEOUT_MS]
 * Exit codes: 0 after "exit", 1 without a mailslot, 2 without a name, 3 if a read failed.
 */
#include <tchar.h>
#include <windows.h>

#include <strsafe.h>

#define LONGEST 424

static int print_messages(HANDLE mailslot)
{
    TCHAR text[LONGEST + 1];
    DWORD bytes;

    while (ReadFile(mailslot, text, LONGEST * sizeof(TCHAR), &bytes, NULL)) {
        text[bytes / sizeof(TCHAR)] = 0;
        if (!_tcscmp(text, _T("exit")))
            return 0;
        _tprintf(_T("%lu bytes: %s\n"), bytes, text);
        fflush(stdout);
    }
    _ftprintf(stderr, _T("reading stopped: error %lu\n"), GetLastError());
    return 3;
}

int _tmain(int argc, TCHAR *argv[])
{
    TCHAR path[MAX_PATH];
    DWORD timeout = argc > 2 ? (DWORD)_ttoi(argv[2]) : MAILSLOT_WAIT_FOREVER;
    HANDLE mailslot;
    int code;

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
    code = print_messages(mailslot);
    CloseHandle(mailslot);
    return code;
}
