/* tongdef.h - what the compiler must be told before Windows' declarations make sense to it.
 *
 * Included by every other header here; names nothing of Windows but the words that are keywords or
 * compiler extensions there. Needs gcc or clang on 64-bit Linux.
 *
 * Wide characters are 16 bits. With -fshort-wchar (L"..." has 16-bit units) they are wchar_t, otherwise
 * char16_t; the library does not see the difference.
 */
#ifndef TONG_DEF_H
#define TONG_DEF_H

#include <stdarg.h>
#include <stddef.h>

#if !defined(__GNUC__) || !defined(__LP64__)
#error "tong's headers need gcc or clang and a 64-bit target"
#endif

#ifdef __cplusplus
#define TONG_BEGIN_DECLS extern "C" {
#define TONG_END_DECLS }
#else
#define TONG_BEGIN_DECLS
#define TONG_END_DECLS
#endif

/* Stands before every function the shared library exports. */
#ifndef TONG_API
#ifdef TONG_BUILDING
#define TONG_API extern __attribute__((visibility("default")))
#else
#define TONG_API extern
#endif
#endif

/* Linkers leave a library out if the program calls nothing of it. But a program that only returns from main() needs it as
 * well: without it no more than 8 bits of its exit code would reach whoever waits for it. */
#ifndef TONG_BUILDING
TONG_BEGIN_DECLS
TONG_API void tong_runtime(void);
TONG_END_DECLS
static void (*const tong_needs_runtime)(void) __attribute__((used)) = tong_runtime;
#endif

#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t tong_wchar;
#define TONG_WIDE_(literal) L##literal
#elif defined(__cplusplus) && __cplusplus >= 201103L
typedef char16_t tong_wchar;
#define TONG_WIDE_(literal) u##literal
#else
typedef __CHAR16_TYPE__ tong_wchar;
#define TONG_WIDE_(literal) u##literal
#endif
#define TONG_WIDE(literal) TONG_WIDE_(literal)

#if (defined(UNICODE) || defined(_UNICODE)) && __SIZEOF_WCHAR_T__ != 2
#if defined(__cplusplus)
#if __cplusplus < 201103L
#error "UNICODE needs u\"...\": compile as C++11 or later, or with -fshort-wchar"
#endif
#elif __STDC_VERSION__ < 199901L || (__STDC_VERSION__ < 201112L && defined(__STRICT_ANSI__))
#error "UNICODE needs u\"...\": compile as gnu99, c11 or later, or with -fshort-wchar"
#endif
#endif

/* There is one calling convention. */
#ifndef __cdecl
#define __cdecl
#endif
#ifndef _cdecl
#define _cdecl
#endif
#ifndef __stdcall
#define __stdcall
#endif
#ifndef _stdcall
#define _stdcall
#endif
#ifndef __fastcall
#define __fastcall
#endif

#ifndef __int64
#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long
#endif

#ifndef __forceinline
#define __forceinline inline __attribute__((always_inline))
#endif

/* A __declspec that is not known here stops the compilation instead of being dropped in silence. */
#ifndef __declspec
#define __declspec(what) TONG_DECLSPEC_##what
#define TONG_DECLSPEC_dllimport
#define TONG_DECLSPEC_dllexport __attribute__((visibility("default")))
#define TONG_DECLSPEC_noreturn __attribute__((noreturn))
#define TONG_DECLSPEC_noinline __attribute__((noinline))
#define TONG_DECLSPEC_selectany __attribute__((weak))
#define TONG_DECLSPEC_thread __thread
#define TONG_DECLSPEC_restrict
#define TONG_DECLSPEC_nothrow
#define TONG_DECLSPEC_novtable
#define TONG_DECLSPEC_align(bytes) __attribute__((aligned(bytes)))
#define TONG_DECLSPEC_deprecated __attribute__((deprecated))
#endif

/* Annotations for Microsoft's code analysis say nothing to gcc and clang. */
#ifndef _In_
#define _In_
#define _In_z_
#define _In_opt_
#define _In_opt_z_
#define _Out_
#define _Out_opt_
#define _Inout_
#define _Inout_opt_
#define _Outptr_
#define _Reserved_
#define _Success_(condition)
#define _In_reads_(count)
#define _In_reads_bytes_(count)
#define _In_reads_bytes_opt_(count)
#define _In_reads_opt_(count)
#define _Out_writes_(count)
#define _Out_writes_z_(count)
#define _Out_writes_bytes_(count)
#define _Out_writes_bytes_opt_(count)
#define _Out_writes_opt_(count)
#define _Printf_format_string_
#endif

#endif
