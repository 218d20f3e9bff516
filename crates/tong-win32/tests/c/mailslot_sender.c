/* mailslot_sender.c - sends each line of standard input to \\.\mailslot\NAME as a message, up to and with "exit".
 *
 * Usage: mailslot_sender NAME
 * Exit codes: 0 if all was sent, 1 if a call failed, 2 without a name.
 */
#include <tchar.h>
#include <windows.h>

#include <strsafe.h>

static int complain(LPCTSTR what)
{
    const DWORD error = GetLastError();
    LPTSTR text = NULL;

    FormatMessage(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                  error, 0, (LPTSTR)&text, 0, NULL);
    _ftprintf(stderr, _T("%s: error %lu: %s"), what, error, text ? text : _T("unknown\n"));
    LocalFree(text);
    return 1;
}

static int send_lines(HANDLE mailslot)
{
    TCHAR line[1000];

    while (_fgetts(line, _countof(line), stdin)) {
        DWORD length, written = 0;

        line[_tcscspn(line, _T("\r\n"))] = 0;
        length = (DWORD)(_tcslen(line) * sizeof(TCHAR));
        if (!WriteFile(mailslot, line, length, &written, NULL) || written != length)
            return complain(_T("cannot send"));
        if (!_tcscmp(line, _T("exit")))
            break;
    }
    return 0;
}

int _tmain(int argc, TCHAR *argv[])
{
    TCHAR path[MAX_PATH];
    HANDLE mailslot;
    int code;

    if (argc < 2)
        return 2;
    StringCchPrintf(path, _countof(path), _T("\\\\.\\mailslot\\%s"), argv[1]);
    mailslot = CreateFile(path, GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (mailslot == INVALID_HANDLE_VALUE)
        return complain(_T("cannot open the mailslot"));
    code = send_lines(mailslot);
    return CloseHandle(mailslot) ? code : complain(_T("cannot close"));
}
