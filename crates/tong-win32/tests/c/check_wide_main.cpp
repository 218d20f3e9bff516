// check_wide_main.cpp - a wide main gets its arguments as UTF-16: without any, the program starts itself with some.
#include <tchar.h>
#include <windows.h>

static int receive(int argc, TCHAR *argv[], TCHAR *envp[])
{
    if (argc != 3 || argv[3] != NULL || envp[0] == NULL)
        return 1;
    return _tcscmp(argv[1], _T("\uAC00")) == 0 && _tcscmp(argv[2], _T("a b")) == 0 ? 0 : 2;
}

int __cdecl _tmain(int argc, TCHAR *argv[], TCHAR *envp[])
{
    TCHAR command[4096];

    if (argc > 1)
        return receive(argc, argv, envp);
    _stprintf_s(command, _T("'%s' \uAC00 'a b'"), argv[0]);
    return _tsystem(command) != 0;
}
