/* strsafe.h - string functions that are told the size of their target and always end it with 0.
 *
 * StringCch counts characters, StringCb bytes; both include the final 0. What does not fit is cut and
 * reported as STRSAFE_E_INSUFFICIENT_BUFFER; a size of 0 or above STRSAFE_MAX_CCH is
 * STRSAFE_E_INVALID_PARAMETER and touches nothing.
 */
#ifndef TONG_STRSAFE_H
#define TONG_STRSAFE_H

#include <stdio.h>
#include <string.h>

#include <tongcrt.h>
#include <winerror.h>
#include <winnt.h>

#define STRSAFE_MAX_CCH 2147483647
#define STRSAFE_MAX_LENGTH (STRSAFE_MAX_CCH - 1)

#define STRSAFE_E_INSUFFICIENT_BUFFER ((HRESULT)0x8007007A)
#define STRSAFE_E_INVALID_PARAMETER ((HRESULT)0x80070057)
#define STRSAFE_E_END_OF_FILE ((HRESULT)0x80070026)

/* Flags of the Ex forms; their low byte is the one to fill with. */
#define STRSAFE_IGNORE_NULLS 0x00000100
#define STRSAFE_FILL_BEHIND_NULL 0x00000200
#define STRSAFE_FILL_ON_FAILURE 0x00000400
#define STRSAFE_NULL_ON_FAILURE 0x00000800
#define STRSAFE_NO_TRUNCATION 0x00001000
#define STRSAFE_FILL_BYTE(byte) ((DWORD)(((byte) & 0xFF) | STRSAFE_FILL_BEHIND_NULL))
#define STRSAFE_FAILURE_BYTE(byte) ((DWORD)(((byte) & 0xFF) | STRSAFE_FILL_ON_FAILURE))

/* A line of standard input, in both widths. */
static inline CHAR *tong_safe_lineA(CHAR *to, int size)
{
    return fgets(to, size, stdin);
}

static inline WCHAR *tong_safe_lineW(WCHAR *to, int size)
{
    return tong_w_fgets(to, size, stdin);
}

#define TONG_CH CHAR
#define TONG_SAFE(name) name##A
#define TONG_FN(name) tong_a_##name
#include <tongsafe.h>
#undef TONG_CH
#undef TONG_SAFE
#undef TONG_FN

#define TONG_CH WCHAR
#define TONG_SAFE(name) name##W
#define TONG_FN(name) tong_w_##name
#include <tongsafe.h>
#undef TONG_CH
#undef TONG_SAFE
#undef TONG_FN

#ifdef UNICODE
#define TONG_SAFE_T(name) name##W
#else
#define TONG_SAFE_T(name) name##A
#endif
#define StringCchCat TONG_SAFE_T(StringCchCat)
#define StringCchCatEx TONG_SAFE_T(StringCchCatEx)
#define StringCchCatN TONG_SAFE_T(StringCchCatN)
#define StringCchCopy TONG_SAFE_T(StringCchCopy)
#define StringCchCopyEx TONG_SAFE_T(StringCchCopyEx)
#define StringCchCopyN TONG_SAFE_T(StringCchCopyN)
#define StringCchGets TONG_SAFE_T(StringCchGets)
#define StringCchLength TONG_SAFE_T(StringCchLength)
#define StringCchPrintf TONG_SAFE_T(StringCchPrintf)
#define StringCchPrintfEx TONG_SAFE_T(StringCchPrintfEx)
#define StringCchVPrintf TONG_SAFE_T(StringCchVPrintf)
#define StringCbCat TONG_SAFE_T(StringCbCat)
#define StringCbCatEx TONG_SAFE_T(StringCbCatEx)
#define StringCbCatN TONG_SAFE_T(StringCbCatN)
#define StringCbCopy TONG_SAFE_T(StringCbCopy)
#define StringCbCopyEx TONG_SAFE_T(StringCbCopyEx)
#define StringCbCopyN TONG_SAFE_T(StringCbCopyN)
#define StringCbGets TONG_SAFE_T(StringCbGets)
#define StringCbLength TONG_SAFE_T(StringCbLength)
#define StringCbPrintf TONG_SAFE_T(StringCbPrintf)
#define StringCbPrintfEx TONG_SAFE_T(StringCbPrintfEx)
#define StringCbVPrintf TONG_SAFE_T(StringCbVPrintf)

#endif
