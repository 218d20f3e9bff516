/* messages.h - one English sentence for each error number the headers know. */
#ifndef TONG_MESSAGES_H
#define TONG_MESSAGES_H

#include <stdint.h>

/* Returns the sentence for `code`, without a line end, or NULL if the number is unknown. */
const char *tong_system_message(uint32_t code);

#endif
