"""What the service manager learns of a run: that it is ready, that it lives, what it does."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from edge.errors import first_line
from edge.pipeline.loop import Pipeline
from edge.service.sd_notify import NotifySocket, watchdog_s

#: STATUS= is sent so often at most, in seconds.
STATUS_S = 5.0
#: How many times oftener than the watchdog asks for it a sign of life is sent. sd_notify(3) wants twice; as signs come
#: with frames alone, this leaves room for one that is late.
_OFTENER = 4


class Heartbeat:
    """Tells how a pipeline fares, from its own loop: a thread would go on telling of a loop that hangs.

    Ready is who has taken one frame from a source through the detector (an empty room is one as well); a sign of life
    is sent where another frame went that way since the last. So a camera that gives nothing, or a network that hangs,
    leaves the watchdog without one.

    A context manager: at its end the run is stopping, and sinks are being closed.

    Args:
        pipeline: which is watched.
        listener: who is told.
        watchdog: seconds between signs of life, at most; None where nobody waits for them.
    """

    def __init__(self, pipeline: Pipeline, listener: NotifySocket, watchdog: float | None) -> None:
        self._pipeline, self._listener = pipeline, listener
        self._pause_s = None if watchdog is None else watchdog / _OFTENER
        self._ready = False
        self._told, self._told_s = pipeline.processed, 0.0
        self._status, self._status_s, self._status_at = "", time.monotonic(), pipeline.processed

    @classmethod
    def of(cls, pipeline: Pipeline) -> Heartbeat:
        """Of a pipeline, to whoever started this process."""
        return cls(pipeline, NotifySocket.named_by(), watchdog_s())

    def beat(self) -> None:
        """After each turn of the loop: tell what there is to tell."""
        if not self._listener:
            return
        now_s, processed = time.monotonic(), self._pipeline.processed
        if not self._ready and processed:
            self._ready = self._listener.send("READY=1", f"STATUS={self._pipeline.report().source}: running")
        due = self._pause_s is not None and now_s - self._told_s >= self._pause_s
        if due and processed != self._told and self._listener.send("WATCHDOG=1"):
            self._told, self._told_s = processed, now_s
        if now_s - self._status_s >= STATUS_S:
            self._tell_status(now_s, processed)

    def reloading(self) -> None:
        """The configuration is about to be read again."""
        # Before it is ready nobody waits for the end of it, and READY=1 would be a lie.
        if self._ready:
            self._listener.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """The configuration was read, or refused; either way the run goes on."""
        if self._ready:
            # Where it is lost, it is sent again with the next frame.
            self._ready = self._listener.send("READY=1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that the run ends, and why where it fails."""
        why = f": {first_line(error)}" if isinstance(error, Exception) else ""
        self._listener.send("STOPPING=1", f"STATUS=stopping{why}")

    def _tell_status(self, now_s: float, processed: int) -> None:
        # Not how many faces: with --aggregate that is nobody's business.
        report = self._pipeline.report()
        fps = (processed - self._status_at) / (now_s - self._status_s)
        state = f"{fps:.1f} frames a second" if fps else "no frame"
        status = f"STATUS={report.source}: {state}, {report.model}"
        self._status_s, self._status_at = now_s, processed
        if status != self._status and self._listener.send(status):
            self._status = status
