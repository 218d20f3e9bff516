// arrays.cpp - C++ knows the size of an array, so the _s functions need not be told.
#include <tchar.h>
#include <windows.h>

#include "check.h"

int main()
{
    TCHAR text[4];

    CHECK(_tcscpy_s(text, _T("abc")) == 0 && _tcscmp(text, _T("abc")) == 0);
    CHECK(_tcscat_s(text, _T("d")) != 0 && text[0] == 0);
    CHECK(_stprintf_s(text, _T("%d"), 12) == 2 && _tcscmp(text, _T("12")) == 0);
    CHECK(_stprintf_s(text, _T("%d"), 1234) == -1 && text[0] == 0);
    CHECK(_stprintf_s(text, _countof(text), _T("%s"), _T("xyz")) == 3);
    CHECK(_sntprintf_s(text, _TRUNCATE, _T("%s"), _T("long")) == -1 && _tcscmp(text, _T("lon")) == 0);
    CHECK(_tcsncpy_s(text, _T("abcdef"), _TRUNCATE) == STRUNCATE && _countof(text) == 4);
    return checked();
}
