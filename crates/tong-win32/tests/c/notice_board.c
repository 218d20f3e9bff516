/* notice_board.c - the plainest reader: a fixed buffer, and each message printed as it came, line end and all.
 *
 * Ends with a message that begins with "close".
 */
#include <stdio.h>
#include <tchar.h>
#include <windows.h>

#define ROOM 60

int _tmain(void)
{
    TCHAR notice[ROOM + 1];
    DWORD size;
    HANDLE board = CreateMailslot(_T("\\\\.\\mailslot\\town\\board"), 0, MAILSLOT_WAIT_FOREVER, NULL);

    if (board == INVALID_HANDLE_VALUE) {
        _fputts(_T("somebody else has put up the board\n"), stdout);
        return 1;
    }
    _fputts(_T("- notices -\n"), stdout);
    for (;;) {
        if (!ReadFile(board, notice, ROOM * sizeof(TCHAR), &size, NULL)) {
            _fputts(_T("the board cannot be read\n"), stdout);
            return 1;
        }
        notice[size / sizeof(TCHAR)] = _T('\0');
        if (_tcsncmp(notice, _T("close"), 5) == 0)
            break;
        _fputts(notice, stdout);
    }
    _fputts(_T("- end -"), stdout);
    CloseHandle(board);
    return 0;
}
