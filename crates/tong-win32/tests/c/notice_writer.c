/* notice_writer.c - the plainest writer: asks for a line, sends it with its line end, until one begins with "close". */
#include <stdio.h>
#include <tchar.h>
#include <windows.h>

#define ROOM 60

int _tmain(void)
{
    TCHAR notice[ROOM + 1];
    DWORD sent;
    HANDLE board = CreateFile(_T("//./mailslot/town/board"), GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                              FILE_ATTRIBUTE_NORMAL, NULL);

    if (board == INVALID_HANDLE_VALUE) {
        _fputts(_T("there is no board\n"), stdout);
        return 1;
    }
    do {
        _fputts(_T("notice? "), stdout);
        if (!_fgetts(notice, _countof(notice), stdin))
            break;
        if (!WriteFile(board, notice, (DWORD)(_tcslen(notice) * sizeof(TCHAR)), &sent, NULL)) {
            _fputts(_T("the board takes nothing\n"), stdout);
            return 1;
        }
    } while (_tcsncmp(notice, _T("close"), 5) != 0);
    CloseHandle(board);
    return 0;
}
