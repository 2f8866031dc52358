"""Heartbeat: reports to the service manager that a run is ready, alive, and what it does."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from edge.errors import first_line
from edge.pipeline import PipelineGroup
from edge.service.sd_notify import NotifySocket, watchdog_s

#: STATUS= is sent at most this often, in seconds.
STATUS_S = 5.0
#: Keep-alive messages are sent this many times as often as the watchdog requires. sd_notify(3) recommends twice; as
#: they are sent only after frames, this leaves room for one that is late.
_SAFETY_FACTOR = 4


class Heartbeat:
    """Reports from the loop itself: a thread would go on reporting for a loop that hangs.

    A run is ready when one frame from a camera has passed the detector, with or without faces in it. A keep-alive
    message is sent when another frame has done so since the last message. A camera that gives nothing, or a network
    that hangs, therefore trips the watchdog. Of several cameras, one that gives frames is enough.

    A context manager: at its end the run is stopping and the sinks are being closed.

    Args:
        pipelines: the loop to watch.
        socket: where messages are sent.
        watchdog: maximum time in seconds between keep-alive messages; None where there is no watchdog.
    """

    def __init__(self, pipelines: PipelineGroup, socket: NotifySocket, watchdog: float | None) -> None:
        self._pipelines, self._socket = pipelines, socket
        self._pause_s = None if watchdog is None else watchdog / _SAFETY_FACTOR
        self._ready = False
        self._reported, self._reported_s = self._processed, 0.0
        self._status, self._status_s, self._status_frames = "", time.monotonic(), self._processed

    @classmethod
    def of(cls, pipelines: PipelineGroup) -> Heartbeat:
        """Return the heartbeat of a run, for the service manager that started this process."""
        return cls(pipelines, NotifySocket.from_environment(), watchdog_s())

    def beat(self) -> None:
        """Send what is due; called after each step of the loop."""
        if not self._socket:
            return
        now_s, processed = time.monotonic(), self._processed
        if not self._ready and processed:
            self._ready = self._socket.send("READY=1", f"STATUS={self._pipelines.report().source}: running")
        due = self._pause_s is not None and now_s - self._reported_s >= self._pause_s
        if due and processed != self._reported and self._socket.send("WATCHDOG=1"):
            self._reported, self._reported_s = processed, now_s
        if now_s - self._status_s >= STATUS_S:
            self._send_status(now_s, processed)

    def reloading(self) -> None:
        """Report that the configuration is about to be read again."""
        # Before the run is ready nobody waits for the end of a reload, and READY=1 would be wrong.
        if self._ready:
            self._socket.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """Report that the reload is over, whether the configuration was accepted or rejected."""
        if self._ready:
            # If this message is lost, it is sent again with the next frame.
            self._ready = self._socket.send("READY=1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Report that the run ends, and why where it fails."""
        reason = f": {first_line(error)}" if isinstance(error, Exception) else ""
        self._socket.send("STOPPING=1", f"STATUS=stopping{reason}")

    @property
    def _processed(self) -> int:
        return self._pipelines.processed

    def _send_status(self, now_s: float, processed: int) -> None:
        # Without the number of faces, which --aggregate must not reveal.
        report = self._pipelines.report()
        fps = (processed - self._status_frames) / (now_s - self._status_s)
        state = f"{fps:.1f} frames per second" if fps else "no frame"
        status = f"STATUS={report.source}: {state}, {report.model}"
        self._status_s, self._status_frames = now_s, processed
        if status != self._status and self._socket.send(status):
            self._status = status
