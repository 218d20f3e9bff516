/* text.c - the names of tchar.h do the same in both builds, and wide text passes through files unharmed. */
#include <tchar.h>
#include <windows.h>

#include <errno.h>

#include "check.h"

static TCHAR buffer[64];

#define HOLDS(expected) (_tcscmp(buffer, _T(expected)) == 0)

static void copying_is_bounded(void)
{
    CHECK(_tcscpy_s(buffer, _countof(buffer), _T("abc")) == 0 && HOLDS("abc"));
    CHECK(_tcscat_s(buffer, _countof(buffer), _T("def")) == 0 && HOLDS("abcdef"));
    CHECK(_tcscpy_s(buffer, 3, _T("abc")) == ERANGE && HOLDS(""));
    CHECK(_tcscpy_s(buffer, 4, _T("abc")) == 0 && _tcscat_s(buffer, 4, _T("d")) == ERANGE && HOLDS(""));
    CHECK(_tcscpy_s(buffer, 4, NULL) == EINVAL && HOLDS(""));
    CHECK(_tcsncpy_s(buffer, 4, _T("abcdef"), 3) == 0 && HOLDS("abc"));
    CHECK(_tcsncpy_s(buffer, 4, _T("abcdef"), _TRUNCATE) == STRUNCATE && HOLDS("abc"));
    CHECK(_tcsncat_s(buffer, 6, _T("xyz"), _TRUNCATE) == STRUNCATE && HOLDS("abcxy"));
    CHECK(_tcsncpy(buffer, _T("pq"), 5) == buffer && buffer[4] == 0);
    CHECK(_tcscat(_tcscpy(buffer, _T("one")), _T("two")) == buffer && HOLDS("onetwo"));
}

static void searching_and_comparing(void)
{
    LPCTSTR text = _T("one two one");

    CHECK(_tcslen(text) == 11 && _tcsnlen(text, 4) == 4);
    CHECK(_tcschr(text, _T('o')) == text && _tcsrchr(text, _T('o')) == text + 8 && !_tcschr(text, _T('z')));
    CHECK(_tcsstr(text, _T("two")) == text + 4 && !_tcsstr(text, _T("three")) && _tcsstr(text, _T("")) == text);
    CHECK(_tcsspn(text, _T("eno")) == 3 && _tcscspn(text, _T(" ")) == 3 && _tcspbrk(text, _T("wx")) == text + 5);
    CHECK(_tcscmp(_T("a"), _T("b")) < 0 && _tcsncmp(_T("abc"), _T("abd"), 2) == 0);
    CHECK(_tcsicmp(_T("ABC"), _T("abc")) == 0 && _tcsnicmp(_T("ABx"), _T("aby"), 2) == 0);
    CHECK(lstrlen(NULL) == 0 && lstrcmpi(_T("Ab"), _T("aB")) == 0 && lstrcmp(_T("a"), NULL) > 0);
    CHECK(lstrcpyn(buffer, text, 4) == buffer && HOLDS("one"));
}

static void tokens(void)
{
    TCHAR *context;

    _tcscpy(buffer, _T("  a b,c "));
    CHECK(_tcscmp(_tcstok(buffer, _T(" ,")), _T("a")) == 0);
    CHECK(_tcscmp(_tcstok(NULL, _T(" ,")), _T("b")) == 0);
    CHECK(_tcscmp(_tcstok(NULL, _T(" ,")), _T("c")) == 0 && !_tcstok(NULL, _T(" ,")));
    _tcscpy(buffer, _T("x-y"));
    CHECK(_tcscmp(_tcstok_s(buffer, _T("-"), &context), _T("x")) == 0);
    CHECK(_tcscmp(_tcstok_s(NULL, _T("-"), &context), _T("y")) == 0 && !_tcstok_s(NULL, _T("-"), &context));
}

static void numbers(void)
{
    TCHAR *end;
    LPCTSTR text = _T("  -12abc");

    CHECK(_ttoi(_T("42")) == 42 && _ttol(_T(" -7x")) == -7 && _ttoi64(_T("5000000000")) == 5000000000LL);
    CHECK(_tcstol(text, &end, 10) == -12 && end == text + 5);
    CHECK(_tcstoul(_T("0xff"), NULL, 0) == 255 && _tcstol(_T("zz"), &end, 36) == 1295 && _ttof(_T("1.5e1x")) == 15.0);
    text = _T("none");
    CHECK(_tcstol(text, &end, 10) == 0 && end == text);
    CHECK(_tcscmp(_itot(-255, buffer, 10), _T("-255")) == 0 && _tcscmp(_itot(-1, buffer, 16), _T("ffffffff")) == 0);
    CHECK(_tcscmp(_i64tot(-5000000000LL, buffer, 10), _T("-5000000000")) == 0);
    CHECK(_itot_s(1000, buffer, 4, 10) == ERANGE && HOLDS("") && _itot_s(100, buffer, 4, 10) == 0 && HOLDS("100"));
}

static void classes_and_case(void)
{
    CHECK(_istdigit(_T('7')) && !_istdigit(_T('x')) && _istalpha(_T('x')));
    CHECK(_istspace(_T('\t')) && _istupper(_T('A')));
    CHECK(_totupper(_T('a')) == _T('A') && _totlower(_T('A')) == _T('a') && _totupper(_T('1')) == _T('1'));
    _tcscpy(buffer, _T("aBc1"));
    CHECK(_tcscmp(_tcsupr(buffer), _T("ABC1")) == 0 && _tcscmp(_tcslwr(buffer), _T("abc1")) == 0);
    CHECK(_tcscmp(_tcsrev(buffer), _T("1cba")) == 0);
}

/* Korean, and a character beyond the first plane. */
#define MIXED _T("\uAC00\uB098 \U0001F514!\n")

static void lines_come_back_as_they_were_written(void)
{
    FILE *file = tmpfile();

    CHECK(_fputts(MIXED, file) >= 0 && _ftprintf(file, _T("%s"), MIXED) > 0 && _fputts(_T("end"), file) >= 0);
    CHECK(ftell(file) == 2 * 13 + 3);
    rewind(file);
    CHECK(_fgetts(buffer, _countof(buffer), file) == buffer && _tcscmp(buffer, MIXED) == 0);
    CHECK(_fgetts(buffer, _countof(buffer), file) == buffer && _tcscmp(buffer, MIXED) == 0);
    CHECK(_fgetts(buffer, _countof(buffer), file) == buffer && HOLDS("end"));
    CHECK(!_fgetts(buffer, _countof(buffer), file) && feof(file));
    fclose(file);
}

#ifdef _UNICODE
static void a_small_buffer_never_loses_or_splits_a_character(void)
{
    FILE *file = tmpfile();
    WCHAR all[64] = {0};

    _fputts(MIXED, file);
    for (int size = 2; size < 9; size++) {
        rewind(file);
        all[0] = 0;
        while (_fgetts(buffer, size, file)) {
            size_t length = _tcslen(buffer);

            CHECK(length > 0 && length < (size_t)size);
            CHECK(size == 2 || (buffer[length - 1] & 0xFC00) != 0xD800);
            _tcscat(all, buffer);
        }
        CHECK(_tcscmp(all, MIXED) == 0);
    }
    fclose(file);
}

static void single_units_pass_through_a_file(void)
{
    FILE *file = tmpfile();
    LPCTSTR text = MIXED;
    _TINT unit;
    size_t at = 0;

    for (size_t i = 0; text[i]; i++)
        CHECK(_fputtc(text[i], file) == text[i]);
    CHECK(ftell(file) == 13);
    rewind(file);
    while ((unit = _fgettc(file)) != _TEOF)
        CHECK(unit == text[at++]);
    CHECK(at == _tcslen(text));
    rewind(file);
    CHECK(_ungettc(_fgettc(file), file) == text[0] && _fgettc(file) == text[0]);
    fclose(file);
}

static void bad_bytes_become_replacement_characters(void)
{
    FILE *file = tmpfile();

    fputs("a\x80z\xE4\xBD+\xF0\x9F", file);
    rewind(file);
    CHECK(_fgetts(buffer, _countof(buffer), file) && HOLDS("a\uFFFDz\uFFFD+\uFFFD"));
    fclose(file);
    CHECK(_istalpha(0xAC00) && !_istalpha(0xD800) && !_istspace(_TEOF));
}
#endif

static void files_have_names(void)
{
    TCHAR name[64];
    FILE *file;

    _stprintf_s(name, _countof(name), _T("/tmp/tong-\uAC00-%lu"), GetCurrentProcessId());
    file = _tfopen(name, _T("w"));
    CHECK(file && _fputts(_T("x"), file) >= 0);
    if (file)
        fclose(file);
    CHECK(_tfopen_s(&file, name, _T("r")) == 0 && fgetc(file) == 'x');
    if (file)
        fclose(file);
    CHECK(_tremove(name) == 0 && _tfopen_s(&file, name, _T("r")) == ENOENT && !file);
    CHECK(_tgetenv(_T("PATH")) != NULL && !_tgetenv(_T("TONG_NO_SUCH_VARIABLE")));
}

int main(void)
{
    copying_is_bounded();
    searching_and_comparing();
    tokens();
    numbers();
    classes_and_case();
    lines_come_back_as_they_were_written();
#ifdef _UNICODE
    a_small_buffer_never_loses_or_splits_a_character();
    single_units_pass_through_a_file();
    bad_bytes_become_replacement_characters();
#endif
    files_have_names();
    return checked();
}
