"""Standard input, output and error of a command: present, printable, and without errors that hide its result."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class _LossyFile(io.FileIO):
    """A file to which writing never fails: what cannot be written is lost.

    The log and the summary go to standard error. If its disk is full, or its reader has gone, that must neither end a
    run nor change an exit status.
    """

    def write(self, data: Any) -> int:
        """Write bytes, and return how many were written or lost."""
        size_bytes = memoryview(data).nbytes
        try:
            written: int | None = super().write(data)
        except OSError:
            return size_bytes
        # None: the descriptor is non-blocking, and its pipe is full.
        return size_bytes if written is None else written


def prepare_streams() -> None:
    """Replace closed standard streams (`mien ... >&-`) by the null device; make names that are not UTF-8 printable.

    Writing to standard error never raises an error from then on.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
        elif number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        raw = _LossyFile(sys.stderr.fileno(), "w", closefd=False)
        encoding = sys.stderr.encoding
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", "\n", line_buffering=True)


def flush_output() -> None:
    """Write what waits for standard output.

    Raises:
        OSError: it cannot be written. The interpreter does not try again on exit, which would change the exit status.
    """
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
        raise


def discard_output() -> None:
    """Send what is written to standard output from now on, and what waits for it, to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
