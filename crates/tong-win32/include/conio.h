/* conio.h - single keys from the terminal, without waiting for the end of a line.
 *
 * If standard input is no terminal, its bytes are taken one by one, and its end is EOF. Special keys come as the bytes that
 * the terminal sends for them.
 */
#ifndef TONG_CONIO_H
#define TONG_CONIO_H

#include <stdio.h>

#include <tongdef.h>

TONG_BEGIN_DECLS

TONG_API int tong_getch(void);
TONG_API int tong_getche(void);
TONG_API int tong_kbhit(void);
TONG_API int tong_putch(int character);

TONG_END_DECLS

#define _getch tong_getch
#define _getche tong_getche
#define _kbhit tong_kbhit
#define _putch tong_putch

#endif
