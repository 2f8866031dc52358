"""Runs a command on a terminal and answers it: python3 terminal.py TEXT ANSWER [TEXT ANSWER]... -- COMMAND...

Each ANSWER is typed once its TEXT has been printed after the answer before; the ANSWER ^C is Ctrl-C, and is pressed
again as long as nothing happens. Prints what the terminal shows, and ends with the command's exit status; with 124
where something does not come within `LIMIT_S`.
"""

import os
import pty
import select
import sys
import time
from contextlib import suppress

#: Seconds until the next answer is asked for, and from the last one to the end.
LIMIT_S = 180

INTERRUPT = b"\x03"

#: Seconds without output after which Ctrl-C is pressed again. Python only notes a signal that comes between the prompt
#: and the system call that waits for the answer, and goes on to wait: such a Ctrl-C has no effect until the next one.
AGAIN_S = 2


def main() -> int:
    split = sys.argv.index("--")
    pairs, command = sys.argv[1:split], sys.argv[split + 1 :]
    process, terminal = pty.fork()
    if not process:
        os.execvp(command[0], command)
    shown, typed = True, b""
    for text, answer in zip(pairs[::2], pairs[1::2], strict=True):
        shown = shown and _show(terminal, text.encode(), typed)
        if shown:
            typed = INTERRUPT if answer == "^C" else f"{answer}\n".encode()
            os.write(terminal, typed)
    if not (shown and _show(terminal, None, typed)):
        os.kill(process, 9)
        os.waitpid(process, 0)
        return 124
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _show(terminal: int, text: bytes | None, typed: bytes) -> bool:
    """Print what the command prints until the text has come, or to its end, and return whether that came in time."""
    printed, end = b"", time.monotonic() + LIMIT_S
    while text is None or text not in printed:
        left = max(0, end - time.monotonic())
        if not select.select([terminal], [], [], min(AGAIN_S, left))[0]:
            if not left:
                print(f"\n(not in {LIMIT_S} s: {'the end' if text is None else text.decode()})")
                return False
            if typed == INTERRUPT:
                # The command may just have ended.
                with suppress(OSError):
                    os.write(terminal, typed)
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:
            # The other end is closed: the command has ended.
            part = b""
        if not part:
            return text is None
        printed += part
        sys.stdout.buffer.write(part.replace(b"\r", b""))
        sys.stdout.buffer.flush()
    return True


if __name__ == "__main__":
    sys.exit(main())
