/* tonginterlocked.h - the Interlocked functions, over what the compiler has built in.
 *
 * Included by winnt.h. As on Windows they become a few instructions in the program, not calls. Without a
 * suffix they are full barriers; Acquire, Release and NoFence order less. Increment, Decrement and Add
 * return the new value, all others the old one.
 */
#ifndef TONG_INTERLOCKED_H
#define TONG_INTERLOCKED_H

#include <minwindef.h>

#define TONG_INLINE static __inline__ __attribute__((always_inline, unused))

TONG_BEGIN_DECLS

/* One width (a type, and what its functions' names end with) in one ordering. */
#define TONG_INTERLOCKED(type, width, suffix, order)                            \
    TONG_INLINE type InterlockedIncrement##suffix##width(type volatile *Addend) \
    {                                                                           \
        return (type)__atomic_add_fetch(Addend, 1, order);                      \
    }                                                                           \
    TONG_INLINE type InterlockedDecrement##suffix##width(type volatile *Addend) \
    {                                                                           \
        return (type)__atomic_sub_fetch(Addend, 1, order);                      \
    }                                                                           \
    TONG_INTERLOCKED_BITS(type, width, suffix, order)                           \
    TONG_INTERLOCKED_EXCHANGE(type, width, suffix, order)

#define TONG_INTERLOCKED_BITS(type, width, suffix, order)                                  \
    TONG_INLINE type InterlockedAnd##suffix##width(type volatile *Destination, type Value) \
    {                                                                                      \
        return (type)__atomic_fetch_and(Destination, Value, order);                        \
    }                                                                                      \
    TONG_INLINE type InterlockedOr##suffix##width(type volatile *Destination, type Value)  \
    {                                                                                      \
        return (type)__atomic_fetch_or(Destination, Value, order);                         \
    }                                                                                      \
    TONG_INLINE type InterlockedXor##suffix##width(type volatile *Destination, type Value) \
    {                                                                                      \
        return (type)__atomic_fetch_xor(Destination, Value, order);                        \
    }

/* A failed comparison orders what it read as much as a success would, short of Release, which is no order for a read. */
#define TONG_INTERLOCKED_EXCHANGE(type, width, suffix, order)                                             \
    TONG_INLINE type InterlockedExchange##suffix##width(type volatile *Target, type Value)                \
    {                                                                                                     \
        return __atomic_exchange_n(Target, Value, order);                                                 \
    }                                                                                                     \
    TONG_INLINE type InterlockedCompareExchange##suffix##width(type volatile *Destination, type Exchange, \
                                                               type Comparand)                            \
    {                                                                                                     \
        __atomic_compare_exchange_n(Destination, &Comparand, Exchange, 0, order,                          \
                                    (order) == __ATOMIC_RELEASE ? __ATOMIC_RELAXED : (order));            \
        return Comparand;                                                                                 \
    }

/* Add keeps its Value in a register: gcc 12 would read one that is *Addend itself a second time, after the change. */
#define TONG_INTERLOCKED_ADD(type, width, suffix, order)                                              \
    TONG_INLINE type InterlockedAdd##suffix##width(type volatile *Addend, type Value)                 \
    {                                                                                                 \
        __asm__("" : "+r"(Value));                                                                    \
        return (type)__atomic_add_fetch(Addend, Value, order);                                        \
    }                                                                                                 \
    TONG_INLINE type InterlockedExchangeAdd##suffix##width(type volatile *Addend, type Value)         \
    {                                                                                                 \
        return (type)__atomic_fetch_add(Addend, Value, order);                                        \
    }                                                                                                 \
    TONG_INLINE BOOLEAN InterlockedBitTestAndSet##suffix##width(type volatile *Base, type Bit)        \
    {                                                                                                 \
        type mask = (type)1 << (Bit & (type)(sizeof(type) * 8 - 1));                                  \
        return (__atomic_fetch_or(Base, mask, order) & mask) != 0;                                    \
    }                                                                                                 \
    TONG_INLINE BOOLEAN InterlockedBitTestAndReset##suffix##width(type volatile *Base, type Bit)      \
    {                                                                                                 \
        type mask = (type)1 << (Bit & (type)(sizeof(type) * 8 - 1));                                  \
        return (__atomic_fetch_and(Base, ~mask, order) & mask) != 0;                                  \
    }                                                                                                 \
    TONG_INLINE BOOLEAN InterlockedBitTestAndComplement##suffix##width(type volatile *Base, type Bit) \
    {                                                                                                 \
        type mask = (type)1 << (Bit & (type)(sizeof(type) * 8 - 1));                                  \
        return (__atomic_fetch_xor(Base, mask, order) & mask) != 0;                                   \
    }

#define TONG_INTERLOCKED_POINTER(suffix, order)                                                  \
    TONG_INLINE PVOID InterlockedExchangePointer##suffix(PVOID volatile *Target, PVOID Value)    \
    {                                                                                            \
        return __atomic_exchange_n(Target, Value, order);                                        \
    }                                                                                            \
    TONG_INLINE PVOID InterlockedCompareExchangePointer##suffix(PVOID volatile *Destination,     \
                                                                PVOID Exchange, PVOID Comparand) \
    {                                                                                            \
        __atomic_compare_exchange_n(Destination, &Comparand, Exchange, 0, order,                 \
                                    (order) == __ATOMIC_RELEASE ? __ATOMIC_RELAXED : (order));   \
        return Comparand;                                                                        \
    }

#define TONG_INTERLOCKED_ALL(suffix, order)         \
    TONG_INTERLOCKED(LONG, , suffix, order)         \
    TONG_INTERLOCKED(LONG64, 64, suffix, order)     \
    TONG_INTERLOCKED(SHORT, 16, suffix, order)      \
    TONG_INTERLOCKED_BITS(CHAR, 8, suffix, order)   \
    TONG_INTERLOCKED_ADD(LONG, , suffix, order)     \
    TONG_INTERLOCKED_ADD(LONG64, 64, suffix, order) \
    TONG_INTERLOCKED_POINTER(suffix, order)

TONG_INTERLOCKED_ALL(, __ATOMIC_SEQ_CST)
TONG_INTERLOCKED_ALL(Acquire, __ATOMIC_ACQUIRE)
TONG_INTERLOCKED_ALL(Release, __ATOMIC_RELEASE)
TONG_INTERLOCKED_ALL(NoFence, __ATOMIC_RELAXED)
TONG_INTERLOCKED_EXCHANGE(CHAR, 8, , __ATOMIC_SEQ_CST)

#undef TONG_INTERLOCKED_ALL
#undef TONG_INTERLOCKED_POINTER
#undef TONG_INTERLOCKED_ADD
#undef TONG_INTERLOCKED_EXCHANGE
#undef TONG_INTERLOCKED_BITS
#undef TONG_INTERLOCKED

TONG_INLINE DWORD InterlockedExchangeSubtract(DWORD volatile *Addend, DWORD Value)
{
    return __atomic_fetch_sub(Addend, Value, __ATOMIC_SEQ_CST);
}

#if defined(__x86_64__)
/* Compares and exchanges 16 bytes at a multiple of 16: 1 if they were equal; what was there is in ComparandResult. */
TONG_INLINE UCHAR InterlockedCompareExchange128(LONG64 volatile *Destination, LONG64 ExchangeHigh,
                                                LONG64 ExchangeLow, LONG64 *ComparandResult)
{
    UCHAR equal;
    __asm__ __volatile__("lock cmpxchg16b %1"
                         : "=@ccz"(equal), "+m"(*(LONG64 volatile(*)[2])Destination), "+a"(ComparandResult[0]),
                           "+d"(ComparandResult[1])
                         : "b"(ExchangeLow), "c"(ExchangeHigh)
                         : "memory");
    return equal;
}
#endif

TONG_INLINE VOID MemoryBarrier(VOID)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Tells the processor that the program spins. */
TONG_INLINE VOID YieldProcessor(VOID)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ __volatile__("yield");
#endif
}

/* Reads and writes that are whole and, with Acquire and Release, ordered. */
#define TONG_PLAIN_ACCESS(name, width, type)                                             \
    TONG_INLINE type Read##name##Acquire##width(type const volatile *Source)             \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_ACQUIRE);                                \
    }                                                                                    \
    TONG_INLINE type Read##name##NoFence##width(type const volatile *Source)             \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                                \
    }                                                                                    \
    TONG_INLINE VOID Write##name##Release##width(type volatile *Destination, type Value) \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELEASE);                          \
    }                                                                                    \
    TONG_INLINE VOID Write##name##NoFence##width(type volatile *Destination, type Value) \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                          \
    }

TONG_PLAIN_ACCESS(, , LONG)
TONG_PLAIN_ACCESS(, 64, LONG64)
TONG_PLAIN_ACCESS(ULong, , DWORD)
TONG_PLAIN_ACCESS(ULong, 64, DWORD64)
TONG_PLAIN_ACCESS(Pointer, , PVOID)

#undef TONG_PLAIN_ACCESS

TONG_END_DECLS

#define InterlockedExchangeAddSizeT(a, b) ((SIZE_T)InterlockedExchangeAdd64((LONG64 volatile *)(a), (LONG64)(b)))
#define InterlockedIncrementSizeT(a) ((SIZE_T)InterlockedIncrement64((LONG64 volatile *)(a)))
#define InterlockedDecrementSizeT(a) ((SIZE_T)InterlockedDecrement64((LONG64 volatile *)(a)))

/* The names of the compiler's own forms. */
#define _InterlockedIncrement InterlockedIncrement
#define _InterlockedIncrement64 InterlockedIncrement64
#define _InterlockedDecrement InterlockedDecrement
#define _InterlockedDecrement64 InterlockedDecrement64
#define _InterlockedExchange InterlockedExchange
#define _InterlockedExchange64 InterlockedExchange64
#define _InterlockedExchangePointer InterlockedExchangePointer
#define _InterlockedExchangeAdd InterlockedExchangeAdd
#define _InterlockedExchangeAdd64 InterlockedExchangeAdd64
#define _InterlockedCompareExchange InterlockedCompareExchange
#define _InterlockedCompareExchange64 InterlockedCompareExchange64
#define _InterlockedCompareExchangePointer InterlockedCompareExchangePointer
#define _InterlockedAnd InterlockedAnd
#define _InterlockedOr InterlockedOr
#define _InterlockedXor InterlockedXor

#ifdef __cplusplus
/* In C++ the usual ones take unsigned numbers too. */
extern "C++" {
#define TONG_UNSIGNED(type, of, width)                                                                    \
    TONG_INLINE type InterlockedIncrement##width(type volatile *Addend)                                   \
    {                                                                                                     \
        return (type)InterlockedIncrement##of((LONG##of volatile *)Addend);                               \
    }                                                                                                     \
    TONG_INLINE type InterlockedDecrement##width(type volatile *Addend)                                   \
    {                                                                                                     \
        return (type)InterlockedDecrement##of((LONG##of volatile *)Addend);                               \
    }                                                                                                     \
    TONG_INLINE type InterlockedExchange##width(type volatile *Target, type Value)                        \
    {                                                                                                     \
        return (type)InterlockedExchange##of((LONG##of volatile *)Target, (LONG##of)Value);               \
    }                                                                                                     \
    TONG_INLINE type InterlockedExchangeAdd##width(type volatile *Addend, type Value)                     \
    {                                                                                                     \
        return (type)InterlockedExchangeAdd##of((LONG##of volatile *)Addend, (LONG##of)Value);            \
    }                                                                                                     \
    TONG_INLINE type InterlockedCompareExchange##width(type volatile *Destination, type Exchange,         \
                                                       type Comparand)                                    \
    {                                                                                                     \
        return (type)InterlockedCompareExchange##of((LONG##of volatile *)Destination, (LONG##of)Exchange, \
                                                    (LONG##of)Comparand);                                 \
    }

TONG_UNSIGNED(DWORD, , )
TONG_UNSIGNED(ULONGLONG, 64, )
TONG_UNSIGNED(ULONGLONG, 64, 64)

#undef TONG_UNSIGNED
}
#endif

#endif
