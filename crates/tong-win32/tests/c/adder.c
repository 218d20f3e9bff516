/* adder.c - adds the numbers from the first argument to the second; the sum is the exit code, -1 says misuse. */
#include <tchar.h>
#include <windows.h>

int _tmain(int argc, TCHAR *argv[])
{
    int sum = 0;

    if (argc != 3)
        return -1;
    for (int number = _ttoi(argv[1]); number <= _ttoi(argv[2]); number++)
        sum += number;
    return sum;
}
