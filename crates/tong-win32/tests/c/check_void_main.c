/* check_void_main.c - a wide main without parameters or result, as many samples have it, ends with exit code 0. */
#include <windows.h>

#include <tchar.h>

VOID __cdecl wmain(VOID)
{
    WCHAR text[8];

    wcscpy_s(text, 8, TONG_WIDE("fine"));
    wprintf_s(TONG_WIDE("%s\n"), text);
}
