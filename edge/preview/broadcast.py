"""Sends each frame to many viewers: encoded once, and only if a viewer waits for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress

from edge.preview.frame_message import FrameMessage
from edge.preview.timeline import Timeline
from edge.types import SourceEvent

#: Pictures per second at most: motion is smooth, and on a small board the encoder leaves the core to the loop.
MAX_FPS = 15.0


class Broadcast:
    """Passes the newest frame from the loop's thread to the viewers that wait for it in the server's thread.

    There is no queue. A frame is accepted when a viewer waits for one and the last is old enough; all viewers that wait
    get the same bytes. A slow viewer waits less often, and gets fewer frames.

    Args:
        timeline: the last minutes, which the loop's thread fills.
        max_fps: how many frames per second are accepted at most.

    Attributes:
        wants_frame: whether the next frame is to be offered; the loop's thread reads it at every frame.
        state_number: incremented when the state changes.
        encoded: how many frames have been encoded.
        has_ended: whether nothing more will come.
    """

    def __init__(self, timeline: Timeline, max_fps: float = MAX_FPS) -> None:
        self.wants_frame = False
        self.state_number = 0
        self.encoded = 0
        self.has_ended = False
        self._timeline, self._interval_s = timeline, 1 / max_fps
        self._source_event: SourceEvent | None = None
        self._notice = ""
        self._timeline_text = (-1, "")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: set[asyncio.Future[bytes | None]] = set()
        self._is_requested, self._is_offered = asyncio.Event(), asyncio.Event()
        self._frame: FrameMessage | None = None

    # Called in the loop's thread.

    def offer(self, frame: FrameMessage) -> None:
        """Pass the frame that is wanted."""
        self.wants_frame = False
        self._call_in_server(lambda: self._accept(frame))

    def set_state(self, source_event: SourceEvent | None = None, notice: str | None = None) -> None:
        """Set the source's state or the notice; None leaves it as it is."""
        self._source_event = self._source_event if source_event is None else source_event
        self._notice = self._notice if notice is None else notice
        self.state_number += 1
        self._call_in_server(lambda: self._deliver(None))

    def end(self) -> None:
        """Release all viewers that wait."""
        self.has_ended, self.wants_frame = True, False
        self._call_in_server(lambda: self._deliver(None))

    def _call_in_server(self, function: Callable[[], None]) -> None:
        # Before the server starts and after it has ended, no viewer waits.
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(function)

    # Called in the server's thread.

    async def run(self) -> None:
        """Accept frames until cancelled."""
        self._loop = asyncio.get_running_loop()
        due_s = time.monotonic()
        try:
            while True:
                await self._is_requested.wait()
                await asyncio.sleep(due_s - time.monotonic())
                self._is_offered.clear()
                self.wants_frame = True
                await self._is_offered.wait()
                due_s = time.monotonic() + self._interval_s
                self._encode()
                self._is_requested.clear()
        finally:
            self.wants_frame, self._loop, self._frame = False, None, None

    async def next(self, timeout_s: float) -> bytes | None:
        """Wait for the next frame, and return it encoded; None if the state has changed, on timeout, and at the end."""
        if self.has_ended:
            return None
        waiter: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        self._is_requested.set()
        try:
            return await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError:
            return None
        finally:
            self._waiters.discard(waiter)

    def state_text(self) -> str:
        """Return the source's state and the notice, as JSON."""
        event = self._source_event
        state = {"state": event.state, "reason": event.reason, "source": event.source} if event else {"state": None}
        return json.dumps({"kind": "state", **state, "notice": self._notice})

    def timeline_text(self) -> tuple[int, str]:
        """Return the timeline as JSON, after a number that changes with it; encoded once for all viewers."""
        number = self._timeline.number
        if self._timeline_text[0] != number:
            self._timeline_text = number, json.dumps({"kind": "minutes", **self._timeline.as_dict()})
        return self._timeline_text

    def _accept(self, frame: FrameMessage) -> None:
        self._frame = frame
        self._is_offered.set()

    def _encode(self) -> None:
        # The reference is dropped at once: no picture stays in memory until the next one is wanted.
        frame, self._frame = self._frame, None
        if self._waiters and frame is not None:
            self.encoded += 1
            self._deliver(frame.encode())

    def _deliver(self, message: bytes | None) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(message)
