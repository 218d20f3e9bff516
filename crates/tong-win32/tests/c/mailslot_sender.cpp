// mailslot_sender.cpp - sends each line of standard input to \\.\mailslot\NAME as a message, up to and with "exit".
//
// Built both as ANSI and as UNICODE. Usage: mailslot_sender NAME
#include <tchar.h>
#include <windows.h>

static int complain(LPCTSTR what)
{
    const DWORD error = GetLastError();
    LPTSTR text = NULL;

    FormatMessage(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                  error, 0, reinterpret_cast<LPTSTR>(&text), 0, NULL);
    _ftprintf(stderr, _T("%s: error %lu: %s"), what, error, text ? text : _T("unknown\n"));
    LocalFree(text);
    return 1;
}

int _tmain(int argc, TCHAR *argv[])
{
    TCHAR path[MAX_PATH];
    TCHAR line[425];

    if (argc < 2)
        return 2;
    _stprintf_s(path, _T("\\\\.\\mailslot\\%s"), argv[1]);
    HANDLE mailslot =
        CreateFile(path, GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (mailslot == INVALID_HANDLE_VALUE)
        return complain(_T("cannot open the mailslot"));

    while (_fgetts(line, _countof(line), stdin)) {
        line[_tcscspn(line, _T("\r\n"))] = 0;
        const DWORD length = static_cast<DWORD>(_tcslen(line) * sizeof(TCHAR));
        DWORD written = 0;

        if (!WriteFile(mailslot, line, length, &written, NULL) || written != length)
            return complain(_T("cannot send"));
        if (_tcscmp(line, _T("exit")) == 0)
            break;
    }
    return CloseHandle(mailslot) ? 0 : complain(_T("cannot close"));
}
