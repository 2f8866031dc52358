"""A live source as the loop sees it: the newest frame, and a watch over the process that takes it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from edge.capture.freeze_detector import Freeze
from edge.capture.process_handle import CaptureProcess
from edge.capture.shared_frames import Captured, FrameMemory
from edge.capture.timeouts import FREEZE_TIMEOUT_S, STALL_TIMEOUT_S
from edge.errors import SourceError, WrongUseError
from edge.sources import is_camera, live_name
from edge.sources.base import ClosingSource
from edge.system.backoff import Backoff
from edge.types import Frame, SourceEvent, SourceState

#: The iterator gives None at least this often.
LOOK_S = 0.25
#: So long for the first frame: Python begins, and the camera or its server takes its time.
OPEN_TIMEOUT_S = 20.0
#: A process that runs takes up a request within this time, or is killed.
ANSWER_S = 2.0
#: So often a running process is asked to open the source again; then a new one is.
REOPENS = 2
#: A process that was killed is gone within this time, or nothing can be done here.
KILL_S = 10.0


class CaptureSource(ClosingSource):
    """`camera:N`, `picamera2[:N]`, `rtsp://`, `http://` or `scripted:...` in a process of its own.

    The iterator gives the newest frame, or None where there is none yet, at least every `LOOK_S`. It never ends by
    itself: a source that fails is opened again, after waits that double; a process that does not react is killed and
    replaced. Iterate in a thread that stays: the process dies with the thread that started it.

    Args:
        spec: as `edge.sources.open_source` takes it.
        open_timeout_s: so long without a first frame, and the source is opened again.
        stall_timeout_s: so long without another, and the source is opened again.
        freeze_timeout_s: so long the same picture, and the source is opened again; 0 never.
        wait: wait for a source that has not given a frame yet, instead of raising what is wrong with it.

    Attributes:
        dropped: frames that were published and not given to the loop.
        copies: how often a frame was copied: once by the process, and once more where it was taken.

    Raises:
        WrongUseError: no live source, or one that cannot be had on this machine (while iterating).
        SourceError: while iterating: there was no first frame; or the process cannot be killed, and the program
            should end so that its service manager can see to it.
    """

    live = True

    def __init__(
        self,
        spec: str,
        *,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        freeze_timeout_s: float = FREEZE_TIMEOUT_S,
        wait: bool = False,
    ) -> None:
        name = live_name(spec)
        if name is None:
            raise WrongUseError(f"{spec!r} is no live source: expected camera:N, picamera2[:N], rtsp:// or http://")
        self.name, self._spec, self.can_downscale = name, spec, is_camera(spec)
        self._open_timeout_s, self._stall_timeout_s = open_timeout_s, stall_timeout_s
        self._freeze_timeout_s, self._wait = freeze_timeout_s, wait
        self._memory, self._bell = FrameMemory.create(), os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._process: CaptureProcess | None = None
        self._backoff, self._freeze = Backoff(), Freeze()
        self._state: SourceState | None = None
        self._state_events: list[SourceEvent] = []
        self._opened_s = self._asked_s = self._seen_s = time.monotonic()
        #: When to try again; None while a try is under way.
        self._try_s: float | None = self._opened_s
        self._killed_s: float | None = None
        #: The process was running already when it was asked last.
        self._reopens = False
        self._tries = self._next_number = 0
        #: What the process was asked for, and the width of a frame that was not to be smaller.
        self._wanted_shrink = self._shrink = 1
        self._full_width = 0
        self.copies = 0

    def __iter__(self) -> Iterator[Frame | None]:
        while True:
            yield self._step()

    def state_events(self) -> list[SourceEvent]:
        """The changes of state since the last call, oldest first."""
        events, self._state_events = self._state_events, []
        return events

    def request_downscale(self, factor: int) -> None:
        """Have a camera opened again, within the next steps of the iterator, for frames smaller by `factor`."""
        if self.can_downscale:
            self._wanted_shrink = factor

    @property
    def pid(self) -> int | None:
        """The process that holds the camera now."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process, and free the memory."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._skip_to(self._memory.published)
        self.unreadable = self._memory.unreadable
        self._memory.close()
        os.close(self._bell)

    def _step(self) -> Frame | None:
        """Let the process go on, take the newest frame, and look after both."""
        running = self._process is not None and self._killed_s is None
        if running and self._try_s is None and self._shrink != self._wanted_shrink:
            self._try_s = time.monotonic()
        if self._try_s is not None and time.monotonic() >= self._try_s:
            self._try()
        messages = self._wait_for_something()
        self.unreadable = self._memory.unreadable
        captured = self._memory.take(self._next_number)
        frame = None if captured is None else self._judge(captured)
        # A frame that is there was published before what a message tells.
        for message in messages:
            self._heed(message)
        if captured is None:
            self._look()
        return frame

    def _wait_for_something(self) -> list[dict[str, Any]]:
        now_s = time.monotonic()
        wait_s = LOOK_S if self._try_s is None else min(LOOK_S, max(0.0, self._try_s - now_s))
        if self._process is not None:
            return self._process.wait(wait_s)
        time.sleep(wait_s)
        return []

    def _judge(self, captured: Captured) -> Frame | None:
        """The frame, where its picture is not one that has stood for too long."""
        self._skip_to(captured.number)
        self._next_number += 1
        self.copies += 2
        self._seen_s = captured.timestamp_s
        same_s = self._freeze.same_for_s(captured.image, captured.timestamp_s)
        if 0 < self._freeze_timeout_s < same_s:
            self.dropped += 1
            self._fail("stalled", f"the same picture for {same_s:.0f} s")
            return None
        self._tell("online", "")
        self._backoff.reset()
        self._tries = 0
        position_s = captured.timestamp_s - self._opened_s
        scale = self._scale(captured)
        return Frame(captured.image, captured.number, captured.timestamp_s, position_s, captured.capture_ms, scale)

    def _scale(self, captured: Captured) -> float:
        """How much smaller the frame came out than one in full: cameras have sizes of their own."""
        width = captured.image.shape[1]
        if captured.shrink == 1:
            self._full_width = width
        return self._full_width / width if self._full_width else float(captured.shrink)

    def _skip_to(self, number: int) -> None:
        """Count what was published and is not taken any more."""
        skipped = number - self._next_number
        self.dropped += skipped
        self.copies += skipped
        self._next_number = number

    def _heed(self, message: dict[str, Any]) -> None:
        """The process could not open the source, or lost it."""
        reason = str(message["failed"])
        if message["kind"] == WrongUseError.__name__:
            raise WrongUseError(reason)
        assert self._process is not None
        if self._seen_s < self._asked_s and self._process.said:
            reason += f" ({self._process.said})"
        self._freeze.forget()
        self._fail("offline", reason)

    def _look(self) -> None:
        """There is no frame: see whether there is a process, whether it reacts, and how long this has lasted."""
        now_s = time.monotonic()
        if self._process is None:
            return
        if self._process.ended:
            self._bury(self._process)
        elif self._killed_s is not None:
            if now_s - self._killed_s > KILL_S:
                raise SourceError(
                    f"{self.name}: its process {self._process.pid} was killed {KILL_S:.0f} s ago and is still there: "
                    "the camera's driver hangs; start mien again, and the machine if that does not help"
                )
        elif self._try_s is None:
            silent_s = now_s - max(self._seen_s, self._asked_s)
            if silent_s > (self._open_timeout_s if self._seen_s < self._asked_s else self._stall_timeout_s):
                self._freeze.forget()
                self._fail("stalled", f"no frame for {silent_s:.0f} s")
            elif self._reopens and not self._process.answered and silent_s > ANSWER_S:
                self._kill(self._process)

    def _bury(self, process: CaptureProcess) -> None:
        """The process is gone: by our own hand, or by another."""
        words = process.last_words()
        process.close()
        self._process = None
        if self._killed_s is None:
            self._freeze.forget()
            self._fail("offline", words)
        else:
            self._killed_s = None
            self._try_s = time.monotonic()

    def _fail(self, state: SourceState, reason: str) -> None:
        """Say what is wrong, and try again after a while.

        Raises:
            SourceError: there has been no frame yet, and nobody wants to wait for one.
        """
        if self._state is None and not self._wait:
            raise SourceError(reason if self.name in reason else f"{self.name}: {reason}")
        self._tell(state, reason)
        if self._try_s is None and self._killed_s is None:
            self._try_s = time.monotonic() + self._backoff.next_s()

    def _try(self) -> None:
        """Ask the process to open the source; a new one where there is none, or where asking has not helped."""
        if self._process is not None and self._tries >= REOPENS:
            self._tries = 0
            self._kill(self._process)
            return
        self._try_s = None
        self._reopens = self._process is not None
        if self._process is None:
            try:
                self._process = CaptureProcess(self._memory, self._bell)
            except OSError as error:
                # No descriptor or no memory is left for the moment.
                self._fail("offline", f"cannot start a process for it: {error.strerror or error}")
                return
        self._tries += 1
        self._asked_s = time.monotonic()
        self._shrink = self._wanted_shrink
        self._process.open(self._spec, self._shrink)

    def _kill(self, process: CaptureProcess) -> None:
        process.kill()
        self._killed_s = time.monotonic()
        self._try_s = None

    def _tell(self, state: SourceState, reason: str) -> None:
        if state != self._state:
            self._state = state
            self._state_events.append(SourceEvent(self.name, state, reason))
