/* print.h - formatted text into a buffer, and wide text onto a FILE. */
#ifndef TONG_PRINT_H
#define TONG_PRINT_H

#include <stdio.h>

#include "format.h"

/* Append `format` with its arguments to the buffer; false with errno set if a conversion is refused. */
int tong_a_format(struct tong_a_buffer *buffer, const char *format, va_list arguments);
int tong_w_format(struct tong_w_buffer *buffer, const tong_wchar *format, va_list arguments);

/* Write `length` units as UTF-8 in one piece and return whether that succeeded. A high surrogate at the end
 * is held back for the thread's next write to the same file, which may bring its other half. */
int tong_write_utf16(FILE *file, const tong_wchar *text, size_t length);

#endif
