/* windef.h - the elementary types together with winnt.h, as most programs expect them. */
#ifndef TONG_WINDEF_H
#define TONG_WINDEF_H

#include <minwindef.h>
#include <winnt.h>

DECLARE_HANDLE(HWND);

#endif
