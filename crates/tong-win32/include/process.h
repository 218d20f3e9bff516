/* process.h - threads and processes as Microsoft's C run-time offers them. */
#ifndef TONG_PROCESS_H
#define TONG_PROCESS_H

#include <stdint.h>
#include <unistd.h>

#include <tongdef.h>

typedef void (*_beginthread_proc_type)(void *);
typedef unsigned (*_beginthreadex_proc_type)(void *);

TONG_BEGIN_DECLS

/* The thread's handle, which is closed when the thread ends; (uintptr_t)-1 and errno if there is none. */
TONG_API uintptr_t _beginthread(void (*start_address)(void *), unsigned stack_size, void *arglist);
TONG_API __attribute__((noreturn)) void _endthread(void);
/* The thread's handle, for CloseHandle; 0 and errno if there is none. */
TONG_API uintptr_t _beginthreadex(void *security, unsigned stack_size, unsigned (*start_address)(void *),
                                  void *arglist, unsigned initflag, unsigned *thrdaddr);
TONG_API __attribute__((noreturn)) void _endthreadex(unsigned retval);

TONG_END_DECLS

#define _getpid getpid

#endif
