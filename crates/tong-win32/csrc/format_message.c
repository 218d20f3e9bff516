/* format_message.c - FormatMessage: the text of an error number, or a string, with its inserts filled in.
 *
 * Both forms work in UTF-16; the narrow one converts on its way in and out. The functions are in C because
 * the inserts may come as a va_list. An insert that is not there, or a format that cannot be, is
 * ERROR_INVALID_PARAMETER. Messages come from tong's own table; modules contain none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tongcrt.h>
#include <winbase.h>

#include "format.h"
#include "messages.h"
#include "utf.h"

/* Numbers of inserts: %1 to %99, and the two widths that the last may take from behind it. */
#define MAX_INSERT 99
#define MAX_SLOTS (MAX_INSERT + 2)
#define LONGEST_INSERT_FORMAT 30

/* Inserts are fetched in order, because a va_list has no other; on this ABI each is one slot of 64 bits. */
struct inserts {
    va_list list;
    const DWORD_PTR *array;
    int from_list;
    int fetched;
    DWORD_PTR slots[MAX_SLOTS];
};

struct message {
    struct tong_w_buffer out;
    struct inserts inserts;
    DWORD error;
    size_t width;      /* 0: keep line ends; WIDTH_NONE: drop them; else the longest line */
    int ignore_inserts;
    int narrow_inserts;
    size_t line_start;
    size_t last_space; /* in `out`; NO_SPACE if the line has none */
};

#define WIDTH_NONE 0xFF
#define NO_SPACE SIZE_MAX

static int fetch(struct inserts *inserts, int number, DWORD_PTR *slot)
{
    if (number > MAX_SLOTS || (!inserts->array && !inserts->from_list))
        return 0;
    if (inserts->array) {
        *slot = inserts->array[number - 1];
        return 1;
    }
    while (inserts->fetched < number)
        inserts->slots[inserts->fetched++] = va_arg(inserts->list, DWORD_PTR);
    *slot = inserts->slots[number - 1];
    return 1;
}

static void break_line(struct message *message)
{
    static const tong_wchar line_end[] = {'\r', '\n'};

    tong_w_append(&message->out, line_end, 2);
    message->line_start = message->out.length;
    message->last_space = NO_SPACE;
}

/* Moves what follows the line's last space to a line of its own. */
static void wrap_line(struct message *message)
{
    struct tong_w_buffer *out = &message->out;
    size_t at = message->last_space;
    size_t end = out->length;
    static const tong_wchar line_end[] = {'\r', '\n'};

    tong_w_append(out, line_end, 1);
    if (out->failed)
        return;
    memmove(out->text + at + 2, out->text + at + 1, (end - at - 1) * sizeof *out->text);
    memcpy(out->text + at, line_end, sizeof line_end);
    message->line_start = at + 2;
    message->last_space = NO_SPACE;
}

static void add_unit(struct message *message, tong_wchar unit)
{
    if (unit == ' ')
        message->last_space = message->out.length;
    tong_w_append(&message->out, &unit, 1);
    if (message->width > 0 && message->width != WIDTH_NONE && message->last_space != NO_SPACE &&
        message->out.length - message->line_start > message->width)
        wrap_line(message);
}

static int fail(struct message *message)
{
    message->error = ERROR_INVALID_PARAMETER;
    return 0;
}

/* Reads the part between exclamation marks, which is a printf conversion without its `%`. */
static const tong_wchar *parse_insert_format(const tong_wchar *at, struct tong_spec *spec, int narrow)
{
    tong_wchar format[LONGEST_INSERT_FORMAT + 1] = {'s'};
    const tong_wchar *end;
    size_t length = 1;

    if (*at == '!') {
        for (length = 0, at++; *at && *at != '!' && length < LONGEST_INSERT_FORMAT; length++)
            format[length] = *at++;
        if (*at++ != '!')
            return NULL;
    }
    format[length] = 0;
    end = tong_w_parse_spec(format, spec, !narrow);
    return end && !*end ? at : NULL;
}

static int emit_insert(struct message *message, struct tong_spec *spec, int number)
{
    struct tong_w_buffer piece;
    union tong_value value;
    DWORD_PTR slot;

    if (spec->width == TONG_FROM_ARGUMENT) {
        if (!fetch(&message->inserts, number++, &slot))
            return 0;
        tong_set_width(spec, (int)slot);
    }
    if (spec->precision == TONG_FROM_ARGUMENT) {
        if (!fetch(&message->inserts, number++, &slot))
            return 0;
        tong_set_precision(spec, (int)slot);
    }
    if (!fetch(&message->inserts, number, &slot))
        return 0;
    if (tong_value_kind(spec) == TONG_VALUE_POINTER)
        value.pointer = (const void *)slot;
    else if (tong_value_kind(spec) == TONG_VALUE_INTEGER)
        value.integer = slot;
    else
        return 0;

    tong_w_buffer_start(&piece);
    tong_w_emit(&piece, spec, &value);
    message->out.failed |= piece.failed;
    for (size_t i = 0; i < piece.length; i++)
        add_unit(message, piece.text[i]);
    tong_w_buffer_end(&piece);
    return 1;
}

/* `at` is the first digit. */
static const tong_wchar *add_insert(struct message *message, const tong_wchar *at)
{
    struct tong_spec spec;
    int number = *at++ - '0';

    if (*at >= '0' && *at <= '9')
        number = number * 10 + (*at++ - '0');
    at = parse_insert_format(at, &spec, message->narrow_inserts);
    return at && emit_insert(message, &spec, number) ? at : NULL;
}

/* Handles what follows a `%`; NULL after an error. `*ended` is set by %0. */
static const tong_wchar *add_escape(struct message *message, const tong_wchar *at, int *ended)
{
    if (*at >= '1' && *at <= '9') {
        if (!message->ignore_inserts)
            return add_insert(message, at);
        add_unit(message, '%');
        add_unit(message, *at);
        return at + 1;
    }
    switch (*at) {
    case 0:
        return NULL;
    case '0':
        *ended = 1;
        break;
    case 'n':
        break_line(message);
        break;
    case 'r':
        add_unit(message, '\r');
        break;
    case 't':
        add_unit(message, '\t');
        break;
    case 'b':
        add_unit(message, ' ');
        break;
    default:
        add_unit(message, *at);
        break;
    }
    return at + 1;
}

static int expand(struct message *message, const tong_wchar *at)
{
    int ended = 0;

    while (*at && !ended) {
        if (*at == '%') {
            at = add_escape(message, at + 1, &ended);
            if (!at)
                return fail(message);
        } else if (*at == '\r' || *at == '\n') {
            at += at[0] == '\r' && at[1] == '\n' ? 2 : 1;
            if (message->width > 0)
                add_unit(message, ' ');
            else
                break_line(message);
        } else {
            add_unit(message, *at++);
        }
    }
    if (message->out.failed)
        message->error = ERROR_NOT_ENOUGH_MEMORY;
    return !message->out.failed;
}

/* Finds the text of a system message, as new memory; NULL with `*error` set. */
static tong_wchar *system_text(DWORD id, DWORD language, DWORD *error)
{
    WORD primary = PRIMARYLANGID(language);
    const char *sentence;
    tong_wchar *text;
    size_t length;

    if (HRESULT_FACILITY(id) == FACILITY_WIN32 && (id & 0x80000000u))
        id = HRESULT_CODE(id);
    sentence = tong_system_message(id);
    if (!sentence || (primary != LANG_NEUTRAL && primary != LANG_ENGLISH)) {
        *error = sentence ? ERROR_RESOURCE_LANG_NOT_FOUND : ERROR_MR_MID_NOT_FOUND;
        return NULL;
    }
    length = strlen(sentence);
    text = calloc(length + 3, sizeof *text);
    if (!text) {
        *error = ERROR_NOT_ENOUGH_MEMORY;
        return NULL;
    }
    for (size_t i = 0; i < length; i++)
        text[i] = (tong_wchar)sentence[i];
    text[length] = '\r';
    text[length + 1] = '\n';
    return text;
}

static DWORD check_flags(DWORD flags, const void *source, const void *buffer)
{
    DWORD from = flags & (FORMAT_MESSAGE_FROM_STRING | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_FROM_HMODULE);

    if (!buffer || from == 0)
        return ERROR_INVALID_PARAMETER;
    if ((from & FORMAT_MESSAGE_FROM_STRING) && (from != FORMAT_MESSAGE_FROM_STRING || !source))
        return ERROR_INVALID_PARAMETER;
    return from == FORMAT_MESSAGE_FROM_HMODULE ? ERROR_RESOURCE_TYPE_NOT_FOUND : ERROR_SUCCESS;
}

static tong_wchar *source_text(DWORD flags, const void *source, DWORD id, DWORD language, int narrow, DWORD *error)
{
    tong_wchar *text;

    if (!(flags & FORMAT_MESSAGE_FROM_STRING))
        return system_text(id, language, error);
    text = narrow ? tong_widen(source) : tong_w_strdup(source);
    if (!text)
        *error = ERROR_NOT_ENOUGH_MEMORY;
    return text;
}

/* Expands into message->out; the caller ends that buffer. */
static DWORD format_message(struct message *message, DWORD flags, const void *source, DWORD id, DWORD language,
                            va_list *arguments)
{
    tong_wchar *text = source_text(flags, source, id, language, message->narrow_inserts, &message->error);

    if (!text)
        return message->error;
    message->width = flags & FORMAT_MESSAGE_MAX_WIDTH_MASK;
    message->ignore_inserts = (flags & FORMAT_MESSAGE_IGNORE_INSERTS) != 0;
    message->last_space = NO_SPACE;
    if (arguments && (flags & FORMAT_MESSAGE_ARGUMENT_ARRAY)) {
        message->inserts.array = (const DWORD_PTR *)arguments;
    } else if (arguments) {
        va_copy(message->inserts.list, *arguments);
        message->inserts.from_list = 1;
    }
    expand(message, text);
    if (message->inserts.from_list)
        va_end(message->inserts.list);
    free(text);
    if (message->error == ERROR_SUCCESS && message->out.length == 0)
        message->error = ERROR_NO_WORK_DONE;
    return message->error;
}

/* Hands `length` characters over to the caller's buffer, or to a new one that the caller will LocalFree. */
static DWORD deliver(DWORD flags, void *buffer, DWORD room, const void *text, size_t length, size_t character)
{
    void *target = buffer;

    if (flags & FORMAT_MESSAGE_ALLOCATE_BUFFER) {
        target = LocalAlloc(LMEM_FIXED, (length + 1 > room ? length + 1 : room) * character);
        if (!target)
            return ERROR_NOT_ENOUGH_MEMORY;
        *(void **)buffer = target;
    } else if (length >= room) {
        if (room > 0)
            memset(buffer, 0, character);
        return ERROR_INSUFFICIENT_BUFFER;
    }
    memcpy(target, text, length * character);
    memset((char *)target + length * character, 0, character);
    return ERROR_SUCCESS;
}

static DWORD format_and_deliver(DWORD flags, const void *source, DWORD id, DWORD language, void *buffer,
                                DWORD room, va_list *arguments, int narrow)
{
    struct message message = {.narrow_inserts = narrow};
    size_t length = 0;
    char *bytes = NULL;
    DWORD error = check_flags(flags, source, buffer);

    tong_w_buffer_start(&message.out);
    if (!error && (flags & FORMAT_MESSAGE_ALLOCATE_BUFFER))
        *(void **)buffer = NULL;
    if (!error)
        error = format_message(&message, flags, source, id, language, arguments);
    length = message.out.length;
    if (!error && narrow) {
        bytes = tong_utf16_to_utf8(message.out.text, length, &length);
        error = bytes ? ERROR_SUCCESS : ERROR_NOT_ENOUGH_MEMORY;
    }
    if (!error)
        error = deliver(flags, buffer, room, narrow ? (void *)bytes : (void *)message.out.text, length,
                        narrow ? sizeof(char) : sizeof(tong_wchar));
    free(bytes);
    tong_w_buffer_end(&message.out);
    if (error)
        SetLastError(error);
    return error ? 0 : (DWORD)length;
}

DWORD FormatMessageA(DWORD flags, LPCVOID source, DWORD id, DWORD language, LPSTR buffer, DWORD size,
                     va_list *arguments)
{
    return format_and_deliver(flags, source, id, language, buffer, size, arguments, 1);
}

DWORD FormatMessageW(DWORD flags, LPCVOID source, DWORD id, DWORD language, LPWSTR buffer, DWORD size,
                     va_list *arguments)
{
    return format_and_deliver(flags, source, id, language, buffer, size, arguments, 0);
}
