/* processenv.h - the standard handles. */
#ifndef TONG_PROCESSENV_H
#define TONG_PROCESSENV_H

#include <windef.h>

TONG_BEGIN_DECLS

WINBASEAPI HANDLE WINAPI GetStdHandle(DWORD nStdHandle);

TONG_END_DECLS

#endif
