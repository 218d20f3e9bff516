/* winnls.h - code pages. The ANSI code page is UTF-8. */
#ifndef TONG_WINNLS_H
#define TONG_WINNLS_H

#include <stringapiset.h>

#define CP_ACP 0
#define CP_UTF8 65001

#endif
