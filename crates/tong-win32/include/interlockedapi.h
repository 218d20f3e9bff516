/* interlockedapi.h - lists whose head can be changed by several threads at once: last in, first out.
 *
 * Entries begin at multiples of MEMORY_ALLOCATION_ALIGNMENT; they and the head are memory of the program.
 */
#ifndef TONG_INTERLOCKEDAPI_H
#define TONG_INTERLOCKEDAPI_H

#include <minwinbase.h>

TONG_BEGIN_DECLS

WINBASEAPI VOID WINAPI InitializeSListHead(PSLIST_HEADER ListHead);
/* The entry that was first before the call, or NULL. */
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry);
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedPushListSListEx(PSLIST_HEADER ListHead, PSLIST_ENTRY List,
                                                          PSLIST_ENTRY ListEnd, ULONG Count);
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedPopEntrySList(PSLIST_HEADER ListHead);
/* All entries, linked by Next. */
WINBASEAPI PSLIST_ENTRY WINAPI InterlockedFlushSList(PSLIST_HEADER ListHead);
/* The number of entries, modulo 65,536. */
WINBASEAPI USHORT WINAPI QueryDepthSList(PSLIST_HEADER ListHead);

TONG_END_DECLS

#endif
