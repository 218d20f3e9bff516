/* interlocked.c - the Interlocked functions of every width, and what they return: some the old value, some the new. */
#include <windows.h>

#include "check.h"

static void numbers(void)
{
    LONG value = 5;
    SHORT small = -1;
    LONG64 large = 0x100000000LL;
    CHAR byte = 0x55;

    CHECK(InterlockedIncrement(&value) == 6 && InterlockedDecrement(&value) == 5);
    CHECK(InterlockedExchange(&value, 7) == 5 && InterlockedExchangeAdd(&value, 3) == 7 && value == 10);
    CHECK(InterlockedAdd(&value, -10) == 0);
    CHECK(InterlockedCompareExchange(&value, 9, 1) == 0 && value == 0);
    CHECK(InterlockedCompareExchange(&value, 9, 0) == 0 && value == 9);
    CHECK(InterlockedAnd(&value, 8) == 9 && InterlockedOr(&value, 3) == 8 && InterlockedXor(&value, 1) == 11);
    CHECK(value == 10);
    value = MAXLONG;
    CHECK(InterlockedIncrement(&value) < 0);

    CHECK(InterlockedIncrement16(&small) == 0 && InterlockedDecrement16(&small) == -1);
    CHECK(InterlockedExchange16(&small, 4) == -1 && InterlockedCompareExchange16(&small, 5, 4) == 4 && small == 5);
    CHECK(InterlockedAnd16(&small, 4) == 5 && InterlockedOr16(&small, 1) == 4 && InterlockedXor16(&small, 5) == 5);

    CHECK(InterlockedIncrement64(&large) == 0x100000001LL && InterlockedDecrement64(&large) == 0x100000000LL);
    CHECK(InterlockedAdd64(&large, large) == 0x200000000LL && InterlockedExchange64(&large, 3) == 0x200000000LL);
    CHECK(InterlockedExchangeAdd64(&large, 1) == 3 && InterlockedCompareExchange64(&large, 8, 4) == 4 && large == 8);
    CHECK(InterlockedAnd64(&large, 8) == 8 && InterlockedOr64(&large, 1) == 8 && InterlockedXor64(&large, 9) == 9);
    CHECK(large == 0);

    CHECK(InterlockedExchange8(&byte, 3) == 0x55 && InterlockedOr8(&byte, 4) == 3 && InterlockedAnd8(&byte, 6) == 7);
    CHECK(InterlockedXor8(&byte, 6) == 6 && byte == 0);
}

static void orders(void)
{
    LONG value = 0;
    LONG64 large = 0;
    PVOID nothing = NULL;

    CHECK(InterlockedIncrementAcquire(&value) == 1 && InterlockedDecrementRelease(&value) == 0);
    CHECK(InterlockedExchangeAddNoFence(&value, 2) == 0 && InterlockedExchangeAcquire(&value, 4) == 2);
    CHECK(InterlockedCompareExchangeRelease(&value, 5, 4) == 4 && InterlockedCompareExchangeAcquire(&value, 6, 5) == 5);
    CHECK(InterlockedCompareExchangeNoFence(&value, 6, 5) == 6 && value == 6);
    CHECK(InterlockedIncrementNoFence64(&large) == 1);
    CHECK(InterlockedCompareExchangePointerAcquire(&nothing, &value, NULL) == NULL && nothing == &value);
    CHECK(ReadAcquire(&value) == 6 && ReadNoFence64(&large) == large && ReadPointerAcquire(&nothing) == &value);
    WriteRelease(&value, 1);
    MemoryBarrier();
    YieldProcessor();
    CHECK(value == 1);
}

static void pointers_and_bits(void)
{
    int target = 0;
    PVOID pointer = NULL;
    LONG bits = 0;
    LONG64 large = 0;

    CHECK(InterlockedExchangePointer(&pointer, &target) == NULL && pointer == &target);
    CHECK(InterlockedCompareExchangePointer(&pointer, NULL, NULL) == &target && pointer == &target);
    CHECK(InterlockedCompareExchangePointer(&pointer, NULL, &target) == &target && pointer == NULL);
    CHECK(InterlockedBitTestAndSet(&bits, 31) == 0 && InterlockedBitTestAndSet(&bits, 31) == 1 && bits == (LONG)MINLONG);
    CHECK(InterlockedBitTestAndComplement(&bits, 0) == 0 && InterlockedBitTestAndReset(&bits, 31) == 1 && bits == 1);
    CHECK(InterlockedBitTestAndSet64(&large, 40) == 0 && large == 1LL << 40);
}

#if defined(__x86_64__)
static void sixteen_bytes(void)
{
    __attribute__((aligned(16))) LONG64 wide[2] = {1, 2};
    LONG64 expected[2] = {1, 3};

    CHECK(InterlockedCompareExchange128(wide, 8, 7, expected) == 0 && expected[0] == 1 && expected[1] == 2);
    CHECK(InterlockedCompareExchange128(wide, 8, 7, expected) == 1 && wide[0] == 7 && wide[1] == 8);
}
#endif

#ifdef __cplusplus
static void unsigned_numbers()
{
    DWORD value = 0;
    ULONGLONG large = 0;

    CHECK(InterlockedDecrement(&value) == 0xFFFFFFFF && InterlockedIncrement(&large) == 1);
    CHECK(InterlockedExchangeAdd(&value, 1u) == 0xFFFFFFFF && InterlockedCompareExchange(&value, 5u, 0u) == 0);
}
#endif

int main(void)
{
    numbers();
    orders();
    pointers_and_bits();
#if defined(__x86_64__)
    sixteen_bytes();
#endif
#ifdef __cplusplus
    unsigned_numbers();
#endif
    return checked();
}
