/* format_message.c - FormatMessage from strings, from the system, with inserts, widths and too little room. */
#include <windows.h>

#include <tchar.h>

#include <stdlib.h>

#include "check.h"

static TCHAR text[1024];

static DWORD format(DWORD flags, LPCTSTR source, ...)
{
    va_list arguments;
    DWORD length;

    va_start(arguments, source);
    SetLastError(0xBEEF);
    length = FormatMessage(FORMAT_MESSAGE_FROM_STRING | flags, source, 0, 0, text, _countof(text), &arguments);
    va_end(arguments);
    return length;
}

#define GIVES(expected) (_tcscmp(text, _T(expected)) == 0)

static void inserts_are_taken_by_number(void)
{
    CHECK(format(0, _T("%2-%1-%2"), _T("one"), _T("two")) == 11 && GIVES("two-one-two"));
    CHECK(format(0, _T("%1!d!:%2!04x!:%3!-4s!|"), -5, 255, _T("ab")) == 13 && GIVES("-5:00ff:ab  |"));
    CHECK(format(0, _T("%1!I64d! %2!u! %3!c!"), -5000000000LL, 7, 'x') == 15 && GIVES("-5000000000 7 x"));
    CHECK(format(0, _T("%1!*.*s!|%4!s!"), 5, 2, _T("abc"), _T("d")) == 7 && GIVES("   ab|d"));
    CHECK(format(0, _T("%1!hs! %2!ls!"), "narrow", TONG_WIDE("wide")) == 11 && GIVES("narrow wide"));
}

static void inserts_may_come_as_an_array(void)
{
    DWORD_PTR inserts[12] = {0};

    inserts[0] = (DWORD_PTR)_T("first");
    inserts[11] = 12;
    CHECK(format(0, _T("")) == 0);
    CHECK(FormatMessage(FORMAT_MESSAGE_FROM_STRING | FORMAT_MESSAGE_ARGUMENT_ARRAY, _T("%12!d! %1"), 0, 0, text,
                        _countof(text), (va_list *)inserts) == 8);
    CHECK(GIVES("12 first"));
}

static void escapes(void)
{
    CHECK(format(0, _T("a%nb%rc%td%be% f%%g%.h%!i%zj")) == 20 && GIVES("a\r\nb\rc\td e f%g.h!izj"));
    CHECK(format(0, _T("stop%0 here")) == 4 && GIVES("stop"));
    CHECK(format(0, _T("a\nb\r\nc\rd")) == 10 && GIVES("a\r\nb\r\nc\r\nd"));
    CHECK(format(FORMAT_MESSAGE_IGNORE_INSERTS, _T("%1 %12!d! %n.")) == 13 && GIVES("%1 %12!d! \r\n."));
}

static void lines_are_broken_at_the_width(void)
{
    CHECK(format(FORMAT_MESSAGE_MAX_WIDTH_MASK, _T("a\r\nb\nc")) == 5 && GIVES("a b c"));
    CHECK(format(10, _T("one two three four")) == 19 && GIVES("one two\r\nthree four"));
    CHECK(format(10, _T("one\r\ntwo%nabc")) == 12 && GIVES("one two\r\nabc"));
    CHECK(format(5, _T("unbreakable a")) == 14 && GIVES("unbreakable\r\na"));
}

static void errors(void)
{
    TCHAR small[4] = _T("xxx");

    CHECK(format(0, NULL) == 0 && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(format(0, _T("%1!d"), 1) == 0 && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(format(0, _T("%1!f!"), 1) == 0 && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(format(0, _T("%")) == 0 && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(format(0, _T("")) == 0 && GetLastError() == ERROR_NO_WORK_DONE);
    CHECK(!FormatMessage(FORMAT_MESSAGE_FROM_STRING, _T("%1"), 0, 0, text, _countof(text), NULL));
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(!FormatMessage(FORMAT_MESSAGE_FROM_STRING, _T("abcd"), 0, 0, small, 4, NULL));
    CHECK(GetLastError() == ERROR_INSUFFICIENT_BUFFER && small[0] == 0);
    CHECK(FormatMessage(FORMAT_MESSAGE_FROM_STRING, _T("abc"), 0, 0, small, 4, NULL) == 3);
    CHECK(!FormatMessage(0, _T("abc"), 0, 0, small, 4, NULL) && GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(!FormatMessage(FORMAT_MESSAGE_FROM_STRING, _T("abc"), 0, 0, NULL, 0, NULL));
    CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(!FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM, NULL, 0x1234567, 0, text, _countof(text), NULL));
    CHECK(GetLastError() == ERROR_MR_MID_NOT_FOUND);
    CHECK(!FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM, NULL, 5, MAKELANGID(LANG_KOREAN, SUBLANG_DEFAULT), text,
                         _countof(text), NULL));
    CHECK(GetLastError() == ERROR_RESOURCE_LANG_NOT_FOUND);
}

static void system_messages(void)
{
    LPTSTR allocated = NULL;
    TCHAR plain[256];
    DWORD length;

    length = FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM, NULL, ERROR_ACCESS_DENIED, 0, plain, _countof(plain), NULL);
    CHECK(length > 4 && _tcscmp(plain + length - 2, _T("\r\n")) == 0 && _tcslen(plain) == length);
    CHECK(FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_FROM_HMODULE, NULL, (DWORD)E_ACCESSDENIED,
                        MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), text, _countof(text), NULL) == length);
    CHECK(_tcscmp(text, plain) == 0);
    CHECK(FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, ERROR_ACCESS_DENIED, 0,
                        (LPTSTR)&allocated, 100, NULL) == length);
    CHECK(allocated && _tcscmp(allocated, plain) == 0);
    LocalFree(allocated);
    CHECK(FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_MAX_WIDTH_MASK, NULL, ERROR_ACCESS_DENIED, 0,
                        text, _countof(text), NULL) == length - 1);
    CHECK(text[length - 2] == ' ');
}

/* The table and winerror.h hold the same numbers: the header is read as text, from beside this file. */
static void every_error_has_a_message(void)
{
    char path[4096] = __FILE__;
    char line[256];
    unsigned code, last = 0, count = 0;
    FILE *header;

    strcpy(strstr(path, "tests/c/") ? strstr(path, "tests/c/") : path, "include/winerror.h");
    header = fopen(path, "r");
    CHECK(header != NULL);
    while (header && fgets(line, sizeof line, header)) {
        if (sscanf(line, "#define ERROR_%*s %u", &code) == 1 || sscanf(line, "#define WAIT_%*s %u", &code) == 1) {
            CHECK(count == 0 || code > last);
            CHECK(FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM, NULL, code, 0, text, _countof(text), NULL) > 2);
            last = code;
            count++;
        }
    }
    if (header)
        fclose(header);
    for (code = 0; code < 20000; code++)
        count -= FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM, NULL, code, 0, text, _countof(text), NULL) > 0;
    CHECK(count == 0);
}

int main(void)
{
    inserts_are_taken_by_number();
    inserts_may_come_as_an_array();
    escapes();
    lines_are_broken_at_the_width();
    errors();
    system_messages();
    every_error_has_a_message();
    return checked();
}
