"""A live source as the loop sees it: the newest frame, and the supervision of the process that captures it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from edge.capture.frame_slots import CapturedFrame
from edge.capture.freeze_detector import FreezeDetector
from edge.capture.process_handle import CaptureProcess
from edge.capture.timeouts import FREEZE_TIMEOUT_S, STALL_TIMEOUT_S
from edge.capture.transport import new_transport
from edge.errors import SourceError, WrongUseError
from edge.sources import BaseSource, source_class
from edge.system.backoff import Backoff
from edge.system.untrusted_text import one_line, printable
from edge.types import Frame, SourceEvent, SourceState

#: The time limit for the first frame: Python starts, and the camera or its server needs some time.
OPEN_TIMEOUT_S = 20.0
#: A running process acknowledges a request within this time, or is killed.
ACKNOWLEDGE_TIMEOUT_S = 2.0
#: A running process is asked this many times in succession to open the source; then a new one is started.
MAX_REOPENS = 2
#: A killed process ends within this time; otherwise nothing can be done here.
KILL_TIMEOUT_S = 10.0


class CapturedSource(BaseSource):
    """A live source in a process of its own.

    The iterator yields the newest frame, or None if there is none yet, at least every `wait_s` seconds. It never ends:
    a source that fails is opened again, after waits that double; a process that does not react is killed and replaced.
    Iterate in a thread that keeps running: the process dies with the thread that started it.

    Args:
        spec: see `edge.sources.open_source`. Its class must have `needs_own_process`.
        open_timeout_s: the source is opened again after this time without a first frame.
        stall_timeout_s: the source is opened again after this time without another frame.
        freeze_timeout_s: the source is opened again after this time with the same picture; 0 for never.
        wait: wait for a source that has not given a frame yet, instead of raising its error.

    Attributes:
        dropped: the number of frames that were published and not yielded.
        copies: how often a frame was copied: once by the process, and once more if it was yielded.

    Raises:
        WrongUseError: the source needs no process; or (while iterating) it cannot be used on this machine.
        SourceError: while iterating: there was no first frame; or the process cannot be killed, and the program should
            end so that its service manager can restart it.
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
        captured_class = source_class(spec)
        if not captured_class.needs_own_process:
            raise WrongUseError(f"{spec!r} is no live source: open it with edge.sources.open_source")
        # A plug-in may not take care of it.
        self.name = printable(captured_class.event_name(spec))
        #: What the process is asked to open, in turn: the same device, should its number change.
        self._specs = [spec]
        self.can_downscale = captured_class.can_downscale
        self._open_timeout_s, self._stall_timeout_s = open_timeout_s, stall_timeout_s
        self._freeze_timeout_s, self._wait = freeze_timeout_s, wait
        self._transport = new_transport()
        self._memory = self._transport.memory
        self._process: CaptureProcess | None = None
        self._backoff, self._freeze_detector = Backoff(), FreezeDetector()
        self._state: SourceState | None = None
        self._state_events: list[SourceEvent] = []
        #: Those that arrived together with a frame.
        self._deferred_messages: list[dict[str, Any]] = []
        self._opened_s = self._requested_s = self._last_frame_s = time.monotonic()
        #: When the source is to be opened next; None while it is being opened or is open.
        self._open_at_s: float | None = self._opened_s
        self._killed_s: float | None = None
        #: The last request was to a process that was running already.
        self._is_reopening = False
        self._requests = self._next_number = 0
        #: What is requested by the loop, and what the process was asked for.
        self._requested_downscale = self._downscale = 1
        #: Width of a frame in full size; 0 if there was none yet.
        self._full_width = 0
        self.copies = 0

    def __iter__(self) -> Iterator[Frame | None]:
        while True:
            yield self._step()

    def state_events(self) -> list[SourceEvent]:
        """Return the changes of state since the last call, the oldest first."""
        events, self._state_events = self._state_events, []
        return events

    def request_downscale(self, factor: int) -> None:
        """Have a camera opened again, in the next step of the iterator, with frames that are smaller by `factor`."""
        if self.can_downscale:
            self._requested_downscale = factor

    @property
    def pid(self) -> int | None:
        """The id of the process that holds the camera now."""
        return None if self._process is None else self._process.pid

    @property
    def descriptors(self) -> list[int] | None:  # type: ignore[override]
        """Those by which the process announces a frame, a message or its end."""
        return [] if self._process is None else self._process.descriptors

    @property
    def has_answered(self) -> bool:
        """Whether the first attempt to open it is over: it has given a frame, or failed."""
        return self._state is not None

    def close(self) -> None:
        """End the process and free the memory."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._skip_to(self._memory.published)
        self.unreadable = self._memory.unreadable
        self._transport.close()

    def _step(self) -> Frame | None:
        """Open the source if it is time, wait for a frame or a message, and handle one or the other."""
        deferred, self._deferred_messages = self._deferred_messages, []
        self._handle_messages(deferred)
        is_open = self._open_at_s is None and self._killed_s is None and self._process is not None
        if is_open and self._downscale != self._requested_downscale:
            self._open_at_s = time.monotonic()
        if self._open_at_s is not None and time.monotonic() >= self._open_at_s:
            self._request_open()
        messages = self._wait_for_process()
        self.unreadable = self._memory.unreadable
        captured = self._memory.take(self._next_number)
        if captured is not None:
            # The frame was published before the messages were sent, and the caller handles it after this step.
            self._deferred_messages = messages
            return self._frame_of(captured)
        self._handle_messages(messages)
        self._check_process()
        return None

    def _handle_messages(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if "reopen_specs" in message:
                self._specs = list(map(str, message["reopen_specs"]))
            else:
                self._handle_error_message(message)

    def _wait_for_process(self) -> list[dict[str, Any]]:
        """Wait until the process gives a frame or a message, or it is time for something else."""
        wait_s = self.wait_s
        if self._open_at_s is not None:
            wait_s = min(wait_s, max(0.0, self._open_at_s - time.monotonic()))
        if self._process is not None:
            return self._process.wait(wait_s)
        time.sleep(wait_s)
        return []

    def _frame_of(self, captured: CapturedFrame) -> Frame | None:
        """The frame to yield; None if its picture has been the same for too long."""
        self._skip_to(captured.number)
        self._next_number += 1
        self.copies += 2
        self._last_frame_s = captured.timestamp_s
        unchanged_s = self._freeze_detector.unchanged_s(captured.image, captured.timestamp_s)
        if 0 < self._freeze_timeout_s < unchanged_s:
            self.dropped += 1
            self._fail("stalled", f"the same picture for {unchanged_s:.0f} s")
            return None
        self._set_state("online", "")
        self._backoff.reset()
        self._requests = 0
        position_s = captured.timestamp_s - self._opened_s
        scale = self._scale(captured)
        return Frame(captured.image, captured.number, captured.timestamp_s, position_s, captured.capture_ms, scale)

    def _scale(self, captured: CapturedFrame) -> float:
        """The ratio of the full width to the frame's: a camera may not support the size that it was asked for."""
        width = captured.image.shape[1]
        if captured.downscale == 1:
            self._full_width = width
        return self._full_width / width if self._full_width else float(captured.downscale)

    def _skip_to(self, number: int) -> None:
        """Count the frames before `number` that were published and are not yielded."""
        skipped = number - self._next_number
        self.dropped += skipped
        self.copies += skipped
        self._next_number = number

    def _handle_error_message(self, message: dict[str, Any]) -> None:
        """Handle the message that the process could not open the source, or lost it."""
        reason = str(message["error"])
        if message["is_final"]:
            raise WrongUseError(reason)
        assert self._process is not None
        line = self._process.last_output_line
        if self._last_frame_s < self._requested_s and line and line not in reason:
            reason += f" ({line})"
        self._freeze_detector.reset()
        self._fail("offline", reason)

    def _check_process(self) -> None:
        """There is no frame: check whether the process runs and reacts, and for how long there has been none."""
        now_s = time.monotonic()
        if self._process is None:
            return
        if self._process.ended:
            self._handle_end(self._process)
        elif self._killed_s is not None:
            if now_s - self._killed_s > KILL_TIMEOUT_S:
                raise SourceError(
                    f"{self.name}: its process {self._process.pid} was killed {KILL_TIMEOUT_S:.0f} s ago and still "
                    "exists: the camera's driver hangs; restart mien, and the machine if that does not help"
                )
        elif self._open_at_s is None:
            silent_s = now_s - max(self._last_frame_s, self._requested_s)
            is_opening = self._last_frame_s < self._requested_s
            if silent_s > (self._open_timeout_s if is_opening else self._stall_timeout_s):
                self._freeze_detector.reset()
                self._fail("stalled", f"no frame for {silent_s:.0f} s")
            elif self._is_reopening and not self._process.acknowledged and silent_s > ACKNOWLEDGE_TIMEOUT_S:
                self._kill(self._process)

    def _handle_end(self, process: CaptureProcess) -> None:
        """Release a process that has ended: because it was killed here, or unexpectedly."""
        reason = process.describe_end()
        process.close()
        self._process = None
        if self._killed_s is None:
            self._freeze_detector.reset()
            self._fail("offline", reason)
        else:
            self._killed_s = None
            self._open_at_s = time.monotonic()

    def _fail(self, state: SourceState, reason: str) -> None:
        """Change the state, and have the source opened again after the next wait.

        Raises:
            SourceError: there has been no frame yet, and `wait` is false.
        """
        # It may be what a server has answered.
        reason = one_line(reason)
        if self._state is None and not self._wait:
            raise SourceError(reason if self.name in reason else f"{self.name}: {reason}")
        self._set_state(state, reason)
        if self._open_at_s is None and self._killed_s is None:
            self._open_at_s = time.monotonic() + self._backoff.next_s()

    def _request_open(self) -> None:
        """Ask the process to open the source; start a new process if there is none, or if asking has not helped."""
        if self._process is not None and self._requests >= MAX_REOPENS:
            self._requests = 0
            self._kill(self._process)
            return
        self._open_at_s = None
        self._is_reopening = self._process is not None
        if self._process is None:
            try:
                self._process = self._transport.start()
            except OSError as error:
                # There is no file descriptor or no memory left at the moment.
                self._fail("offline", f"cannot start a process for it: {error.strerror or error}")
                return
        spec = self._specs[self._requests % len(self._specs)]
        self._requests += 1
        self._requested_s = time.monotonic()
        self._downscale = self._requested_downscale
        self._process.open(spec, self._downscale)

    def _kill(self, process: CaptureProcess) -> None:
        process.kill()
        self._killed_s = time.monotonic()
        self._open_at_s = None

    def _set_state(self, state: SourceState, reason: str) -> None:
        if state != self._state:
            self._state = state
            self._state_events.append(SourceEvent(self.name, state, reason))
