"""The capture process as its parent sees it, whatever the two share."""

from __future__ import annotations

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from edge.capture.frame_slots import FrameSlots
from edge.capture.process_output import stated_reason
from edge.system.addresses import without_credentials
from edge.system.operating_system import signals
from edge.system.processes import describe_exit

#: The time that the process has to release its camera after its channel is closed, and to end once it is killed.
_CLOSE_TIMEOUT_S, _KILL_TIMEOUT_S = 1.0, 2.0
#: The time from the end of the channel to the end of the process. It is short: the loop must go on.
_EXIT_TIMEOUT_S = 0.2
#: How much of the process's output is kept.
_OUTPUT_BYTES = 4096
#: Signals for the parent alone. systemd and a terminal's Ctrl-C send them to every process of the service.
PARENT_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")


class CaptureProcess(ABC):
    """A running `edge.capture.camera_process`.

    Attributes:
        acknowledged: it has received the last request.
        descriptors: file descriptors that can be read when there is a frame or a message, or the process has ended;
            None where there are none for that.
    """

    descriptors: list[int] | None = None
    _process: subprocess.Popen[bytes]

    def __init__(self) -> None:
        self.acknowledged = False
        self._recent_output = b""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @abstractmethod
    def open(self, spec: str, downscale: int) -> None:
        """Send the request to open a source; the process closes the one that it has. See `open_source`."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[dict[str, Any]]:
        """Wait for a frame, a message or the end of the process; return the messages that have arrived.

        Returns:
            Messages with `error`, the text, and `is_final`, whether it can never be opened on this machine; or with
            `reopen_specs`.
        """

    @abstractmethod
    def _close_channel(self) -> None:
        """Close the connection, upon which the process ends."""

    @abstractmethod
    def _read_output(self) -> None:
        """Add what the process has written by now to its recent output."""

    def kill(self) -> None:
        """Kill the process. `ended` becomes true unless it hangs in a driver."""
        self._process.kill()

    def close(self) -> None:
        """Let the process release its camera and end, within `_CLOSE_TIMEOUT_S`, or kill it."""
        self._close_channel()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_TIMEOUT_S)
        if not self.ended:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_TIMEOUT_S)

    @property
    def last_output_line(self) -> str:
        """The last line since the last request that may explain a failure, without credentials; or empty."""
        return without_credentials(stated_reason(self._recent_output))

    def describe_end(self) -> str:
        """How the ended process ended, and its last line."""
        self._read_output()
        line = self.last_output_line
        return f"its process died: {describe_exit(self._process.returncode)}" + (f", {line}" if line else "")

    def _keep_output(self, more: bytes) -> None:
        self._recent_output = (self._recent_output + more)[-_OUTPUT_BYTES:]

    def _await_exit(self) -> None:
        """The channel has ended: the process is about to end, usually within milliseconds."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_TIMEOUT_S)

    def _sorted_out(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take note of an acknowledgement; return the other messages."""
        others = [message for message in messages if "acknowledged" not in message]
        if len(others) < len(messages):
            self.acknowledged = True
        return others


class Transport(ABC):
    """What a source and its capture processes share: one after another gets the same memory.

    Attributes:
        memory: the memory into which they write frames.
    """

    memory: FrameSlots

    @abstractmethod
    def start(self) -> CaptureProcess:
        """Start a process.

        Raises:
            OSError: it cannot be started.
        """

    def close(self) -> None:
        """Free what is shared."""
        self.memory.close()


@contextmanager
def parent_signals_blocked() -> Iterator[None]:
    """Block the signals for the parent: a child that is started meanwhile has them blocked from its first instruction.

    Windows has no such thing: there the child ignores Ctrl-C, being in a process group of its own.
    """
    set_mask = getattr(signal, "pthread_sigmask", None)
    if set_mask is None:
        yield
        return
    previous_mask = set_mask(signal.SIG_BLOCK, signals(*PARENT_SIGNALS).values())  # type: ignore[attr-defined,unused-ignore]
    try:
        yield
    finally:
        set_mask(signal.SIG_SETMASK, previous_mask)  # type: ignore[attr-defined,unused-ignore]
