/* tongsafe.h - the functions of strsafe.h for one width, TONG_CH; strsafe.h includes it twice, hence no guard.
 *
 * TONG_SAFE(name) is the name with A or W, TONG_FN(name) the run-time function of the same width.
 */

static inline int TONG_SAFE(tong_safe_size)(const TONG_CH *to, size_t size)
{
    return to && size > 0 && size <= STRSAFE_MAX_CCH;
}

static inline HRESULT TONG_SAFE(StringCchLength)(const TONG_CH *text, size_t size, size_t *length)
{
    size_t counted = 0;

    if (length)
        *length = 0;
    if (!TONG_SAFE(tong_safe_size)(text, size))
        return STRSAFE_E_INVALID_PARAMETER;
    while (counted < size && text[counted])
        counted++;
    if (counted == size)
        return STRSAFE_E_INVALID_PARAMETER;
    if (length)
        *length = counted;
    return S_OK;
}

/* Writes at most `count` characters of `from` behind the first `at` of `to`; *length becomes what `to` has then. */
static inline HRESULT TONG_SAFE(tong_safe_put)(TONG_CH *to, size_t size, size_t at, const TONG_CH *from,
                                               size_t count, size_t *length)
{
    size_t copied = 0;

    while (copied < count && from[copied] && at + copied < size - 1) {
        to[at + copied] = from[copied];
        copied++;
    }
    to[at + copied] = 0;
    *length = at + copied;
    return copied < count && from[copied] ? STRSAFE_E_INSUFFICIENT_BUFFER : S_OK;
}

/* What the flags of the Ex forms ask for once the text of `length` is written; `kept` is the text before. */
static inline HRESULT TONG_SAFE(tong_safe_finish)(TONG_CH *to, size_t size, size_t length, size_t kept,
                                                  HRESULT result, TONG_CH **end, size_t *remaining, DWORD flags)
{
    if (SUCCEEDED(result)) {
        if (flags & STRSAFE_FILL_BEHIND_NULL)
            memset(to + length + 1, (int)(flags & 0xFF), (size - length - 1) * sizeof *to);
    } else {
        if (flags & STRSAFE_NO_TRUNCATION)
            length = kept;
        if (flags & STRSAFE_FILL_ON_FAILURE) {
            memset(to, (int)(flags & 0xFF), size * sizeof *to);
            length = flags & 0xFF ? size - 1 : 0;
        }
        if (flags & STRSAFE_NULL_ON_FAILURE)
            length = 0;
        to[length] = 0;
    }
    if (end)
        *end = to + length;
    if (remaining)
        *remaining = size - length;
    return result;
}

static inline HRESULT TONG_SAFE(StringCchCopyEx)(TONG_CH *to, size_t size, const TONG_CH *from, TONG_CH **end,
                                                 size_t *remaining, DWORD flags)
{
    static const TONG_CH empty[1] = {0};
    size_t length = 0;
    HRESULT result;

    if (!TONG_SAFE(tong_safe_size)(to, size))
        return STRSAFE_E_INVALID_PARAMETER;
    if (!from && (flags & STRSAFE_IGNORE_NULLS))
        from = empty;
    if (!from)
        return STRSAFE_E_INVALID_PARAMETER;
    result = TONG_SAFE(tong_safe_put)(to, size, 0, from, STRSAFE_MAX_CCH, &length);
    return TONG_SAFE(tong_safe_finish)(to, size, length, 0, result, end, remaining, flags);
}

static inline HRESULT TONG_SAFE(StringCchCopyN)(TONG_CH *to, size_t size, const TONG_CH *from, size_t count)
{
    size_t length = 0;

    if (!TONG_SAFE(tong_safe_size)(to, size) || !from || count > STRSAFE_MAX_CCH)
        return STRSAFE_E_INVALID_PARAMETER;
    return TONG_SAFE(tong_safe_put)(to, size, 0, from, count, &length);
}

static inline HRESULT TONG_SAFE(StringCchCopy)(TONG_CH *to, size_t size, const TONG_CH *from)
{
    return TONG_SAFE(StringCchCopyN)(to, size, from, STRSAFE_MAX_CCH);
}

static inline HRESULT TONG_SAFE(StringCchCatEx)(TONG_CH *to, size_t size, const TONG_CH *from, TONG_CH **end,
                                                size_t *remaining, DWORD flags)
{
    static const TONG_CH empty[1] = {0};
    size_t kept = 0;
    size_t length = 0;
    HRESULT result = TONG_SAFE(StringCchLength)(to, size, &kept);

    if (FAILED(result))
        return result;
    if (!from && (flags & STRSAFE_IGNORE_NULLS))
        from = empty;
    if (!from)
        return STRSAFE_E_INVALID_PARAMETER;
    result = TONG_SAFE(tong_safe_put)(to, size, kept, from, STRSAFE_MAX_CCH, &length);
    return TONG_SAFE(tong_safe_finish)(to, size, length, kept, result, end, remaining, flags);
}

static inline HRESULT TONG_SAFE(StringCchCatN)(TONG_CH *to, size_t size, const TONG_CH *from, size_t count)
{
    size_t length = 0;
    HRESULT result = TONG_SAFE(StringCchLength)(to, size, &length);

    if (FAILED(result))
        return result;
    if (!from || count > STRSAFE_MAX_CCH)
        return STRSAFE_E_INVALID_PARAMETER;
    return TONG_SAFE(tong_safe_put)(to, size, length, from, count, &length);
}

static inline HRESULT TONG_SAFE(StringCchCat)(TONG_CH *to, size_t size, const TONG_CH *from)
{
    return TONG_SAFE(StringCchCatN)(to, size, from, STRSAFE_MAX_CCH);
}

/* A failure that left text behind was one of room; the other is a format that cannot be. */
static inline HRESULT TONG_SAFE(StringCchVPrintf)(TONG_CH *to, size_t size, const TONG_CH *format,
                                                  va_list arguments)
{
    int length;

    if (!TONG_SAFE(tong_safe_size)(to, size) || !format)
        return STRSAFE_E_INVALID_PARAMETER;
    length = TONG_FN(vsnprintf_s)(to, size, _TRUNCATE, format, arguments);
    if (length >= 0)
        return S_OK;
    return to[0] || size == 1 ? STRSAFE_E_INSUFFICIENT_BUFFER : STRSAFE_E_INVALID_PARAMETER;
}

static inline HRESULT TONG_SAFE(StringCchPrintf)(TONG_CH *to, size_t size, const TONG_CH *format, ...)
{
    va_list arguments;
    HRESULT result;

    va_start(arguments, format);
    result = TONG_SAFE(StringCchVPrintf)(to, size, format, arguments);
    va_end(arguments);
    return result;
}

static inline HRESULT TONG_SAFE(StringCchPrintfEx)(TONG_CH *to, size_t size, TONG_CH **end, size_t *remaining,
                                                   DWORD flags, const TONG_CH *format, ...)
{
    va_list arguments;
    size_t length = 0;
    HRESULT result;

    va_start(arguments, format);
    result = TONG_SAFE(StringCchVPrintf)(to, size, format, arguments);
    va_end(arguments);
    if (!TONG_SAFE(tong_safe_size)(to, size) || !format)
        return result;
    TONG_SAFE(StringCchLength)(to, size, &length);
    return TONG_SAFE(tong_safe_finish)(to, size, length, 0, result, end, remaining, flags);
}

/* A line of standard input without its end; one that does not fit is cut, and the rest comes next. */
static inline HRESULT TONG_SAFE(StringCchGets)(TONG_CH *to, size_t size)
{
    size_t length = 0;

    if (!TONG_SAFE(tong_safe_size)(to, size) || size == 1)
        return STRSAFE_E_INVALID_PARAMETER;
    if (!TONG_SAFE(tong_safe_line)(to, (int)size)) {
        to[0] = 0;
        return STRSAFE_E_END_OF_FILE;
    }
    while (to[length] && to[length] != '\n')
        length++;
    if (!to[length] && length + 1 == size)
        return STRSAFE_E_INSUFFICIENT_BUFFER;
    to[length] = 0;
    return S_OK;
}

/* The same in bytes: what is left of half a character does not count. */
static inline HRESULT TONG_SAFE(StringCbLength)(const TONG_CH *text, size_t bytes, size_t *length)
{
    HRESULT result = TONG_SAFE(StringCchLength)(text, bytes / sizeof(TONG_CH), length);

    if (length)
        *length *= sizeof(TONG_CH);
    return result;
}

static inline HRESULT TONG_SAFE(StringCbCopy)(TONG_CH *to, size_t bytes, const TONG_CH *from)
{
    return TONG_SAFE(StringCchCopy)(to, bytes / sizeof(TONG_CH), from);
}

static inline HRESULT TONG_SAFE(StringCbCopyN)(TONG_CH *to, size_t bytes, const TONG_CH *from, size_t count)
{
    return TONG_SAFE(StringCchCopyN)(to, bytes / sizeof(TONG_CH), from, count / sizeof(TONG_CH));
}

static inline HRESULT TONG_SAFE(StringCbCopyEx)(TONG_CH *to, size_t bytes, const TONG_CH *from, TONG_CH **end,
                                                size_t *remaining, DWORD flags)
{
    size_t left = 0;
    HRESULT result = TONG_SAFE(StringCchCopyEx)(to, bytes / sizeof(TONG_CH), from, end, &left, flags);

    if (remaining)
        *remaining = left * sizeof(TONG_CH) + bytes % sizeof(TONG_CH);
    return result;
}

static inline HRESULT TONG_SAFE(StringCbCat)(TONG_CH *to, size_t bytes, const TONG_CH *from)
{
    return TONG_SAFE(StringCchCat)(to, bytes / sizeof(TONG_CH), from);
}

static inline HRESULT TONG_SAFE(StringCbCatN)(TONG_CH *to, size_t bytes, const TONG_CH *from, size_t count)
{
    return TONG_SAFE(StringCchCatN)(to, bytes / sizeof(TONG_CH), from, count / sizeof(TONG_CH));
}

static inline HRESULT TONG_SAFE(StringCbCatEx)(TONG_CH *to, size_t bytes, const TONG_CH *from, TONG_CH **end,
                                               size_t *remaining, DWORD flags)
{
    size_t left = 0;
    HRESULT result = TONG_SAFE(StringCchCatEx)(to, bytes / sizeof(TONG_CH), from, end, &left, flags);

    if (remaining)
        *remaining = left * sizeof(TONG_CH) + bytes % sizeof(TONG_CH);
    return result;
}

static inline HRESULT TONG_SAFE(StringCbVPrintf)(TONG_CH *to, size_t bytes, const TONG_CH *format,
                                                 va_list arguments)
{
    return TONG_SAFE(StringCchVPrintf)(to, bytes / sizeof(TONG_CH), format, arguments);
}

static inline HRESULT TONG_SAFE(StringCbPrintf)(TONG_CH *to, size_t bytes, const TONG_CH *format, ...)
{
    va_list arguments;
    HRESULT result;

    va_start(arguments, format);
    result = TONG_SAFE(StringCchVPrintf)(to, bytes / sizeof(TONG_CH), format, arguments);
    va_end(arguments);
    return result;
}

static inline HRESULT TONG_SAFE(StringCbPrintfEx)(TONG_CH *to, size_t bytes, TONG_CH **end, size_t *remaining,
                                                  DWORD flags, const TONG_CH *format, ...)
{
    size_t size = bytes / sizeof(TONG_CH);
    size_t length = 0;
    va_list arguments;
    HRESULT result;

    va_start(arguments, format);
    result = TONG_SAFE(StringCchVPrintf)(to, size, format, arguments);
    va_end(arguments);
    if (!TONG_SAFE(tong_safe_size)(to, size) || !format)
        return result;
    TONG_SAFE(StringCchLength)(to, size, &length);
    result = TONG_SAFE(tong_safe_finish)(to, size, length, 0, result, end, remaining, flags);
    if (remaining)
        *remaining = *remaining * sizeof(TONG_CH) + bytes % sizeof(TONG_CH);
    return result;
}

static inline HRESULT TONG_SAFE(StringCbGets)(TONG_CH *to, size_t bytes)
{
    return TONG_SAFE(StringCchGets)(to, bytes / sizeof(TONG_CH));
}
