/* adder_manager.c - has the numbers from 1 to 10 added by two processes, found by the name it is given.
 *
 *     adder_manager ADDER [wait]
 *
 * Without "wait" it may ask too early, and then prints what it is told of a process that still runs.
 */
#include <stdio.h>
#include <tchar.h>
#include <windows.h>

static PROCESS_INFORMATION start(LPCTSTR adder, int from, int to)
{
    TCHAR line[200];
    STARTUPINFO startup;
    PROCESS_INFORMATION made;

    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    _stprintf_s(line, _countof(line), _T("%s %d %d"), adder, from, to);
    if (!CreateProcess(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made)) {
        _tprintf(_T("cannot start %s: error %u\n"), line, (unsigned)GetLastError());
        ExitProcess(1);
    }
    CloseHandle(made.hThread);
    return made;
}

int _tmain(int argc, TCHAR *argv[])
{
    PROCESS_INFORMATION made[2];
    DWORD sum[2], total = 0;

    made[0] = start(argv[1], 1, 5);
    made[1] = start(argv[1], 6, 10);
    for (int i = 0; i < 2; i++) {
        if (argc > 2)
            WaitForSingleObject(made[i].hProcess, INFINITE);
        GetExitCodeProcess(made[i].hProcess, &sum[i]);
        total += sum[i];
        CloseHandle(made[i].hProcess);
    }
    _tprintf(_T("%d and %d are %d\n"), (int)sum[0], (int)sum[1], (int)total);
    return 0;
}
