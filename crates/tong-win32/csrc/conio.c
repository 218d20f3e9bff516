/* conio.c - conio.h: the terminal is told to give single keys for the length of a call, and then set back. */
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <conio.h>

static int read_byte(void)
{
    unsigned char byte;

    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : EOF;
}

int tong_getch(void)
{
    struct termios before, single;
    int byte;

    fflush(stdout);
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return read_byte();
    }
    single = before;
    single.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    single.c_cc[VMIN] = 1;
    single.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &single);
    byte = read_byte();
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return byte;
}

int tong_getche(void)
{
    int byte = tong_getch();

    return byte == EOF ? EOF : tong_putch(byte);
}

int tong_kbhit(void)
{
    struct termios before, single;
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    int is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    int hit;

    if (is_terminal) {
        single = before;
        single.c_lflag &= ~(tcflag_t)ICANON;
        tcsetattr(STDIN_FILENO, TCSANOW, &single);
    }
    hit = poll(&input, 1, 0) > 0;
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    return hit;
}

int tong_putch(int character)
{
    int result = putchar(character);

    fflush(stdout);
    return result;
}
