/* tongmain.h - programs whose main function takes wide arguments: wmain, and _tmain with UNICODE.
 *
 * The program's `main` is ours: it makes the arguments wide and calls the user's function, whose definition
 * the macro leaves open:
 *
 *     int wmain(int argc, WCHAR **argv) { ... }
 *
 * becomes a declaration of tong_wmain, a main, and `int tong_wmain(int argc, WCHAR **argv) { ... }`. The
 * function may take no, two or three parameters and return int or nothing. Unlike a main it has to end in a
 * return statement if it returns int, and a separate declaration of it is not possible.
 */
#ifndef TONG_MAIN_H
#define TONG_MAIN_H

#include <tongdef.h>

TONG_BEGIN_DECLS

/* Calls `wide_main` with arguments and environment as UTF-16; returns its result, or 0 if it has none. */
TONG_API int tong_call_wmain(int argc, char **argv, void (*wide_main)(void), int has_result);

TONG_END_DECLS

#ifndef __cplusplus
#define TONG_MAIN_IS(type) __builtin_types_compatible_p(__typeof__(tong_wmain), type)
#define TONG_MAIN_IS_VOID                                                                   \
    (TONG_MAIN_IS(void(void)) || TONG_MAIN_IS(void(int, tong_wchar **)) ||                  \
     TONG_MAIN_IS(void(int, const tong_wchar **)) ||                                        \
     TONG_MAIN_IS(void(int, tong_wchar **, tong_wchar **)))
#define TONG_MAIN_RESULT __typeof__(__builtin_choose_expr(TONG_MAIN_IS_VOID, (void)0, 0))
#elif __cplusplus >= 201103L
template <typename Function> struct tong_main_type;
template <typename Result, typename... Arguments> struct tong_main_type<Result(Arguments...)> {
    typedef Result result;
    static const int is_void = 0;
};
template <typename... Arguments> struct tong_main_type<void(Arguments...)> {
    typedef void result;
    static const int is_void = 1;
};
#define TONG_MAIN_IS_VOID (tong_main_type<decltype(tong_wmain)>::is_void)
#define TONG_MAIN_RESULT tong_main_type<decltype(tong_wmain)>::result
#else
#define TONG_MAIN_IS_VOID 0
#define TONG_MAIN_RESULT int
#endif

#define TONG_WIDE_MAIN(...)                                                                    \
    tong_wmain(__VA_ARGS__);                                                                   \
    int main(int argc, char **argv)                                                            \
    {                                                                                          \
        return tong_call_wmain(argc, argv, (void (*)(void))tong_wmain, !TONG_MAIN_IS_VOID);     \
    }                                                                                          \
    TONG_MAIN_RESULT tong_wmain(__VA_ARGS__)

#define wmain(...) TONG_WIDE_MAIN(__VA_ARGS__)

#endif
