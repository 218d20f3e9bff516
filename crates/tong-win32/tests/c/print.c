/* print.c - formats mean what they mean on Windows, narrow and wide. */
#include <tchar.h>
#include <windows.h>

#include "check.h"

#define W(text) TONG_WIDE(text)

static WCHAR wide[600];
static char narrow[600];

/* True if both widths print `expected`, and say how long it is. */
#define BOTH(expected, format, ...)                                                                        \
    (_snwprintf_s(wide, 600, _TRUNCATE, W(format), __VA_ARGS__) == (int)sizeof expected - 1 &&             \
     _snprintf_s(narrow, 600, _TRUNCATE, format, __VA_ARGS__) == (int)sizeof expected - 1 &&               \
     lstrcmpW(wide, W(expected)) == 0 && lstrcmpA(narrow, expected) == 0)

static void numbers_have_the_sizes_of_windows(void)
{
    DWORD all = 0xFFFFFFFF;

    CHECK(BOTH("-7|7|7|1f|1F|17", "%d|%i|%u|%x|%X|%o", -7, 7, 7, 0x1F, 0x1F, 017));
    CHECK(BOTH("4294967295 -1", "%lu %ld", all, -1));
    CHECK(BOTH("4294967295", "%I32u", all));
    CHECK(BOTH("-5000000000 18446744073709551615", "%I64d %llu", -5000000000LL, ~0ULL));
    CHECK(BOTH("18446744073709551615 -1", "%Iu %zd", ~0ULL, (SSIZE_T)-1));
    CHECK(BOTH("-1 65535 -1 255", "%hd %hu %hhd %hhu", 0xFFFF, -1, 0xFF, -1));
    CHECK(BOTH("00000000DEADBEEF", "%p", (void *)0xDEADBEEF));
}

static void flags_widths_and_precisions(void)
{
    CHECK(BOTH("[   42][42   ][00042][+42][ 42]", "[%5d][%-5d][%05d][%+d][% d]", 42, 42, 42, 42, 42));
    CHECK(BOTH("[  007][0x2a][052]", "[%5.3d][%#x][%#o]", 7, 42, 42));
    CHECK(BOTH("[   42][42   ]", "[%*d][%*d]", 5, 42, -5, 42));
    CHECK(BOTH("3.14 1.500000e+10 100", "%.2f %e %g", 3.14159, 1.5e10, 100.0));
    CHECK(BOTH("0x1.0000000000000p+0 2.5", "%a %.1Lf", 1.0, 2.5L));
    CHECK(BOTH("100%", "%d%%", 100));
}

static void strings_of_the_same_and_the_other_width(void)
{
    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("%s %S %hs %ls %ws"), W("a"), "b", "c", W("d"), W("e")) == 9);
    CHECK(lstrcmpW(wide, W("a b c d e")) == 0);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%s %S %hs %ls %ws", "a", W("b"), "c", W("d"), W("e")) == 9);
    CHECK(lstrcmpA(narrow, "a b c d e") == 0);

    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("%c%C%hc%lc"), W('w'), 'n', 'h', W('l')) == 4);
    CHECK(lstrcmpW(wide, W("wnhl")) == 0);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%c%C", 'n', 0xAC00) == 4);
    CHECK(lstrcmpA(narrow, "n\xEA\xB0\x80") == 0);

    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("%S"), "\xEA\xB0\x80\xF0\x9F\x94\x94") == 3);
    CHECK(wide[0] == 0xAC00 && wide[1] == 0xD83D && wide[2] == 0xDD14);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%S", wide) == 7);
    CHECK(lstrcmpA(narrow, "\xEA\xB0\x80\xF0\x9F\x94\x94") == 0);

    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("[%6S][%-6.2s]"), "ab", W("xyz")) == 16);
    CHECK(lstrcmpW(wide, W("[    ab][xy    ]")) == 0);
    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("%s"), (WCHAR *)NULL) == 6 && lstrcmpW(wide, W("(null)")) == 0);
}

static void a_precision_never_cuts_a_character_in_two(void)
{
    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("%.1S|"), "\xF0\x9F\x94\x94") == 1 && wide[0] == '|');
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%.4S|", W("\uAC00\uAC01")) == 4);
    CHECK(lstrcmpA(narrow, "\xEA\xB0\x80|") == 0);
}

static void what_is_not_understood_is_refused(void)
{
    int written = 7;

    CHECK(_snwprintf_s(wide, 600, _TRUNCATE, W("%n"), &written) == -1 && written == 7);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%n", &written) == -1 && written == 7);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%y", 1) == -1);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "%99999999999d", 1) == -1);
    CHECK(_snprintf_s(narrow, 600, _TRUNCATE, "100%") == -1);
}

static void a_full_buffer(void)
{
    char small[4] = "xxx";

    CHECK(_snprintf(small, 4, "%s", "abc") == 3 && small[3] == 0);
    CHECK(_snprintf(small, 4, "%s", "abcd") == 4 && small[3] == 'd');
    CHECK(_snprintf(small, 4, "%s", "abcde") == -1 && small[3] == 'd');
    CHECK(sprintf_s(small, sizeof small, "%s", "abcd") == -1 && small[0] == 0);
    CHECK(sprintf_s(small, sizeof small, "%s", "abc") == 3);
    CHECK(_snprintf_s(small, sizeof small, _TRUNCATE, "%s", "abcd") == -1 && lstrcmpA(small, "abc") == 0);
    CHECK(_snprintf_s(small, sizeof small, 2, "%s", "abcd") == -1 && lstrcmpA(small, "ab") == 0);
    CHECK(_scprintf("%05d", 1) == 5 && _scwprintf(W("%S"), "abc") == 3);
    CHECK(wsprintfA(narrow, "%s-%d", "n", 5) == 3 && lstrcmpA(narrow, "n-5") == 0);
    CHECK(wsprintfW(wide, W("%s-%ld"), W("n"), 5) == 3 && lstrcmpW(wide, W("n-5")) == 0);
}

static void long_output_is_complete(void)
{
    static char long_narrow[70001];
    static WCHAR long_wide[70001];

    CHECK(sprintf_s(long_narrow, 70001, "%70000d", 1) == 70000 && long_narrow[69999] == '1');
    CHECK(swprintf_s(long_wide, 70001, W("%-70000d"), 1) == 70000 && long_wide[69999] == ' ');
}

static void message_boxes_are_lines_on_standard_error(void)
{
    CHECK(MessageBox(NULL, TEXT("It is done.\n"), TEXT("print"), MB_OK | MB_ICONINFORMATION) == IDOK);
    CHECK(MessageBoxW(NULL, W("\xD55C"), NULL, MB_OK) == IDOK);
    CHECK(MessageBox(NULL, TEXT("Go on?"), TEXT("print"), MB_YESNO) == 0 && GetLastError() == ERROR_NOT_SUPPORTED);
}

int main(void)
{
    message_boxes_are_lines_on_standard_error();
    numbers_have_the_sizes_of_windows();
    flags_widths_and_precisions();
    strings_of_the_same_and_the_other_width();
    a_precision_never_cuts_a_character_in_two();
    what_is_not_understood_is_refused();
    a_full_buffer();
    long_output_is_complete();
    return checked();
}
