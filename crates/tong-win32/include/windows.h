/* windows.h - the part of the Windows API that tong offers on Linux.
 *
 *     cc $(pkg-config --cflags tong) program.c $(pkg-config --libs tong)
 *
 * Names, values and layouts are those of 64-bit Windows. Only what the library really has is declared, so
 * a program that needs more fails when it is compiled, not when it runs. UNICODE chooses the wide forms.
 *
 *     tongdef.h         what the compiler must be told handleapi.h               handles
 *     basetsd.h         sized integers                 fileapi.h                 files and mailslots
 *     minwindef.h       elementary types               processenv.h              environment, standard handles
 *     winnt.h           strings, rights, Interlocked   processthreadsapi.h       processes, threads, TLS
 *     minwinbase.h      structures                     fibersapi.h               FLS
 *     winerror.h        error numbers                  libloaderapi.h            modules
 *     errhandlingapi.h  the last error                 synchapi.h                objects, waits, locks
 *     winnls.h          code pages                     interlockedapi.h          lists
 *     stringapiset.h    conversions                    threadpoolapiset.h        pools: work, timers, waits
 *     winuser.h         wsprintf                       threadpoollegacyapiset.h  timer queues, registered waits
 *     heapapi.h         the heap                       consoleapi.h              writing to a terminal
 *     sysinfoapi.h      the machine, time since start  winbase.h                 all this, and the rest
 *     timezoneapi.h     dates and times                tongcrt.h                 the C run-time's additions
 *     profileapi.h      the performance counter        namedpipeapi.h            pipes
 *     ioapiset.h        operations that go on
 *
 * With it comes shellapi.h (command lines); process.h, conio.h, tchar.h, strsafe.h, tlhelp32.h and psapi.h do not.
 */
#ifndef TONG_WINDOWS_H
#define TONG_WINDOWS_H

#include <shellapi.h>
#include <winbase.h>
#include <windef.h>
#include <winnls.h>
#include <winuser.h>

#include <tongcrt.h>

#endif
