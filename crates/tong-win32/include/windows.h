/* windows.h - the part of the Windows API that tong offers on Linux.
 *
 *     cc $(pkg-config --cflags tong) program.c $(pkg-config --libs tong)
 *
 * Names, values and layouts are those of 64-bit Windows. Only what the library really has is declared, so
 * a program that needs more fails when it is compiled, not when it runs. UNICODE chooses the wide forms.
 *
 *     tongdef.h            what the compiler must be told        handleapi.h          handles
 *     basetsd.h            sized integers                        errhandlingapi.h     the last error
 *     minwindef.h          elementary types                      fileapi.h            files and mailslots
 *     winnt.h              strings, rights, attributes           processenv.h         standard handles
 *     minwinbase.h         structures                            processthreadsapi.h  who we are
 *     winerror.h           error numbers                         synchapi.h           waiting
 *     winnls.h             code pages                            sysinfoapi.h         time since start
 *     stringapiset.h       conversions                           winbase.h            all this, and the rest
 *     winuser.h            wsprintf                              tongcrt.h            the C run-time's additions
 */
#ifndef TONG_WINDOWS_H
#define TONG_WINDOWS_H

#include <winbase.h>
#include <windef.h>
#include <winnls.h>
#include <winuser.h>

#include <tongcrt.h>

#endif
