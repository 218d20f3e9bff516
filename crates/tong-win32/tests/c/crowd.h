/* crowd.h - what the crowd's servers and clients share: requests, the replies that belong to them, and a watch over calls.
 *
 * A request says who asks and which of its requests it is, and carries bytes that follow from both; the reply says
 * the same and carries the bytes changed and in reverse.
 */
#ifndef CROWD_H
#define CROWD_H

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tchar.h>

#define CROWD_INSTANCES 8
#define CROWD_QUOTA 4096
#define CROWD_LARGEST 100000

typedef struct {
    DWORD kind, client, sequence, size;
} CROWD_HEADER;

#define CROWD_REQUEST 0x51554552
#define CROWD_REPLY 0x4C504552

typedef struct {
    CROWD_HEADER header;
    BYTE bytes[CROWD_LARGEST];
} CROWD_MESSAGE;

static inline DWORD crowd_random(DWORD *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline BYTE crowd_byte(const CROWD_HEADER *header, DWORD at)
{
    return (BYTE)(header->client * 31 + header->sequence * 7 + at + at / 256);
}

static inline DWORD crowd_length(const CROWD_MESSAGE *message)
{
    return (DWORD)sizeof message->header + message->header.size;
}

/* ---- The watch: a call that does not return in time ends the program. ---- */

static struct {
    volatile LONG64 since;
    const char *volatile what;
    DWORD limit;
} crowd_watch[CROWD_INSTANCES];

static inline void crowd_begin(int place, const char *what)
{
    crowd_watch[place].what = what;
    InterlockedExchange64(&crowd_watch[place].since, (LONG64)GetTickCount64());
}

static inline void crowd_end(int place)
{
    InterlockedExchange64(&crowd_watch[place].since, 0);
}

static DWORD WINAPI crowd_look(LPVOID unused)
{
    int place;

    (void)unused;
    for (;;) {
        for (place = 0; place < CROWD_INSTANCES; place++) {
            const LONG64 since = crowd_watch[place].since;

            if (since != 0 && (LONG64)GetTickCount64() - since > (LONG64)crowd_watch[place].limit) {
                fprintf(stderr, "%s has not returned for more than %u ms\n", crowd_watch[place].what,
                        (unsigned)crowd_watch[place].limit);
                fflush(stderr);
                TerminateProcess(GetCurrentProcess(), 1);
            }
        }
        Sleep(20);
    }
    return 0;
}

static inline void crowd_start_watch(DWORD limit)
{
    int place;

    for (place = 0; place < CROWD_INSTANCES; place++)
        crowd_watch[place].limit = limit;
    CloseHandle(CreateThread(NULL, 0, crowd_look, NULL, 0, NULL));
}

#endif
