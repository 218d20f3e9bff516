/* strsafe.c - the StringCch and StringCb functions, ANSI and UNICODE. */
#include <windows.h>

#include <strsafe.h>
#include <tchar.h>

#include "check.h"

static TCHAR to[8];

#define HOLDS(expected) (_tcscmp(to, _T(expected)) == 0)

int main(void)
{
    size_t length = 0;
    size_t left = 0;
    TCHAR *end = NULL;

    CHECK(StringCchCopy(to, 8, _T("abc")) == S_OK && HOLDS("abc"));
    CHECK(StringCchCat(to, 8, _T("defg")) == S_OK && HOLDS("abcdefg"));
    CHECK(StringCchCat(to, 8, _T("h")) == STRSAFE_E_INSUFFICIENT_BUFFER && HOLDS("abcdefg"));
    CHECK(StringCchCopy(to, 4, _T("wxyz")) == STRSAFE_E_INSUFFICIENT_BUFFER && HOLDS("wxy"));
    CHECK(StringCchCopy(to, 0, _T("a")) == STRSAFE_E_INVALID_PARAMETER && HOLDS("wxy"));
    CHECK(StringCchCopyN(to, 8, _T("abcdef"), 2) == S_OK && HOLDS("ab"));
    CHECK(StringCchCatN(to, 8, _T("cdef"), 3) == S_OK && HOLDS("abcde"));
    CHECK(StringCbCopy(to, 3 * sizeof(TCHAR), _T("abcd")) == STRSAFE_E_INSUFFICIENT_BUFFER && HOLDS("ab"));
    CHECK(StringCchLength(_T("four"), 8, &length) == S_OK && length == 4);
    CHECK(StringCbLength(_T("four"), 8 * sizeof(TCHAR), &length) == S_OK && length == 4 * sizeof(TCHAR));
    CHECK(StringCchLength(_T("four"), 4, &length) == STRSAFE_E_INVALID_PARAMETER);
    CHECK(StringCchPrintf(to, 8, _T("%d-%s"), 12, _T("ab")) == S_OK && HOLDS("12-ab"));
    CHECK(StringCchPrintf(to, 4, _T("%d"), 12345) == STRSAFE_E_INSUFFICIENT_BUFFER && HOLDS("123"));
    CHECK(StringCbPrintf(to, sizeof to, _T("%n"), &length) == STRSAFE_E_INVALID_PARAMETER && HOLDS(""));
    CHECK(StringCchCopyEx(to, 8, _T("abc"), &end, &left, 0) == S_OK && end == to + 3 && left == 5);
    CHECK(StringCchCatEx(to, 8, _T("0123456"), &end, &left, STRSAFE_NO_TRUNCATION) == STRSAFE_E_INSUFFICIENT_BUFFER);
    CHECK(HOLDS("abc") && end == to + 3 && left == 5);
    CHECK(StringCchCopyEx(to, 8, NULL, NULL, NULL, STRSAFE_IGNORE_NULLS) == S_OK && HOLDS(""));
    CHECK(StringCchPrintfEx(to, 8, &end, &left, STRSAFE_NULL_ON_FAILURE, _T("%d"), 123456789) < 0);
    CHECK(HOLDS("") && end == to && left == 8);
    CHECK(StringCchPrintfEx(to, 8, &end, &left, 0, _T("%d"), 12) == S_OK && left == 6);
    return checked();
}
