"""The capture process as its parent sees it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.capture.shared_frames import FrameMemory
from edge.system.addresses import without_credentials

#: How long the process may take to let go of its camera at the end, and to be gone once it is killed.
_CLOSE_S, _KILLED_S = 1.0, 2.0
#: From the end of its channel to its own; not longer, the loop must go on.
_DYING_S = 0.2
#: What the process wrote, as far as it is kept.
_SAID_BYTES = 4096
#: The parent's business. systemd and a terminal's Ctrl-C send them to every process there is.
_PARENTS_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
#: Which library says it.
_PREFIX = re.compile(r"^\[[^\]]*\]\s*")
_SOURCE = Path(__file__).parents[2]


class CaptureProcess:
    """A running `edge.capture.camera_process`. Start it in a thread that stays: it dies with it.

    Args:
        memory: where it puts frames.
        bell: an eventfd that it rings for each.

    Attributes:
        answered: it has taken up the last request.
    """

    def __init__(self, memory: FrameMemory, bell: int) -> None:
        self._bell = bell
        self.answered = False
        self._said = b""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [str(number) for number in (os.getpid(), theirs.fileno(), memory.fd, bell)]
        # Blocked signals stay blocked in the child, from its first instruction on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS_SIGNALS)
        try:
            self._process = subprocess.Popen(
                # Not from the working folder, which may hold an `edge` of its own. The address of the camera goes
                # through the channel: anybody can read command lines.
                [sys.executable, "-P", "-m", "edge.capture.camera_process", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), memory.fd, bell),
                env=_environment(),
            )
        except BaseException:
            self._channel.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._poll = select.poll()
        for descriptor in (self._bell, self._channel.fileno(), self._output.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """It is gone."""
        return self._process.poll() is not None

    def open(self, spec: str, shrink: int) -> None:
        """Ask it to open a source, after closing the one that it may have; see `open_source`."""
        self.answered, self._said = False, b""
        # Where it is dead, `ended` tells.
        with suppress(ConnectionError):
            self._channel.send(json.dumps({"open": spec, "shrink": shrink}).encode())

    def wait(self, timeout_s: float) -> list[dict[str, Any]]:
        """Wait for a frame, a message or the process' end, whichever is first; the messages."""
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
        if self._bell in ready:
            os.eventfd_read(self._bell)
        messages = self._read_messages() if self._channel.fileno() in ready else []
        # After the messages: what explains one was written before it was sent.
        self._read_said()
        return messages

    def kill(self) -> None:
        """Kill it; `ended` tells whether that worked."""
        self._process.kill()

    def close(self) -> None:
        """Have it let go of its camera, or kill it, and let go of it; in `_CLOSE_S + _KILLED_S` at most."""
        self._channel.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_S)
        if not self.ended:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILLED_S)
        self._output.close()

    @property
    def said(self) -> str:
        """The last line that it wrote since the last request, without credentials; empty where there is none."""
        lines = [line.strip() for line in self._said.decode("utf-8", "replace").splitlines() if line.strip()]
        return without_credentials(_PREFIX.sub("", lines[-1]))[:200] if lines else ""

    def last_words(self) -> str:
        """How it ended, and its last line."""
        self._read_said()
        status = self._process.returncode
        end = f"exit status {status}" if status >= 0 else f"signal {-status} ({signal.Signals(-status).name})"
        return f"its process died: {end}" + (f", {self.said}" if self.said else "")

    def _read_said(self) -> None:
        while True:
            try:
                more = os.read(self._output.fileno(), 65536)
            except BlockingIOError:
                return
            if not more:
                with suppress(KeyError):
                    self._poll.unregister(self._output.fileno())
                return
            self._said = (self._said + more)[-_SAID_BYTES:]

    def _read_messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while True:
            try:
                packet = self._channel.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return messages
            except ConnectionError:
                packet = b""
            if not packet:
                # It is dying: from now on only `ended` counts, as a rule in some milliseconds.
                self._poll.unregister(self._channel.fileno())
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_DYING_S)
                return messages
            message = json.loads(packet)
            if "opening" in message:
                self.answered = True
            else:
                messages.append(message)


def _environment() -> dict[str, str]:
    paths = [str(_SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    # FFmpeg's warnings (AV_LOG_WARNING) say why a stream cannot be opened; `edge` silences them elsewhere.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENCV_FFMPEG_LOGLEVEL": "24"}
