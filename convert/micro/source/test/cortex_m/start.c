/* The start of a program on QEMU's machine mps2-an385 (a Cortex-M3): the vector table. newlib's `_start` does the rest,
 * and prints through semihosting. */
#include <stdint.h>

extern void _start(void);
extern char mien_stack_top[];

static void stop(void) {
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    mien_stack_top, (const void *)_start, (const void *)stop, (const void *)stop, (const void *)stop,
    (const void *)stop, (const void *)stop, 0, 0, 0, 0, (const void *)stop, (const void *)stop, 0,
    (const void *)stop, (const void *)stop};
