"""One frame to many viewers: encoded once, and only when somebody waits for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress

from edge.preview.frame_message import FrameMessage
from edge.preview.timeline import Timeline
from edge.types import SourceEvent

#: Pictures a second at most: motion looks smooth, and the encoder leaves a small board's core to the loop.
MAX_FPS = 15.0


class Broadcast:
    """Hands the newest frame from the loop's thread to whoever waits in the server's.

    There is no queue. A frame is taken when a viewer waits for one and the last is old enough; all who wait get
    the same bytes. Who is slow waits less often, and gets fewer frames.

    Args:
        minutes: the last minutes, which the loop's thread fills.
        max_fps: frames a second that are taken at most.

    Attributes:
        is_wanted: whether the next frame shall be handed over; read by the loop's thread at every frame.
        state_number: counts up when the state changes.
        encoded: frames that were encoded so far.
        has_ended: nothing more comes.
    """

    def __init__(self, minutes: Timeline, max_fps: float = MAX_FPS) -> None:
        self.is_wanted = False
        self.state_number = 0
        self.encoded = 0
        self.has_ended = False
        self._minutes, self._pause_s = minutes, 1 / max_fps
        self._event: SourceEvent | None = None
        self._notice = ""
        self._minutes_text = (-1, "")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: set[asyncio.Future[bytes | None]] = set()
        self._demand, self._taken = asyncio.Event(), asyncio.Event()
        self._view: FrameMessage | None = None

    # In the loop's thread.

    def hand_over(self, view: FrameMessage) -> None:
        """Give the frame that is wanted."""
        self.is_wanted = False
        self._in_server(lambda: self._take(view))

    def tell(self, event: SourceEvent | None = None, notice: str | None = None) -> None:
        """Take a new state of the source, or a new notice."""
        self._event = self._event if event is None else event
        self._notice = self._notice if notice is None else notice
        self.state_number += 1
        self._in_server(lambda: self._deliver(None))

    def end(self) -> None:
        """Let all who wait go."""
        self.has_ended, self.is_wanted = True, False
        self._in_server(lambda: self._deliver(None))

    def _in_server(self, step: Callable[[], None]) -> None:
        # Not begun, or ended: nobody waits.
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(step)

    # In the server's thread.

    async def run(self) -> None:
        """Take frames until cancelled."""
        self._loop = asyncio.get_running_loop()
        due_s = time.monotonic()
        try:
            while True:
                await self._demand.wait()
                await asyncio.sleep(due_s - time.monotonic())
                self._taken.clear()
                self.is_wanted = True
                await self._taken.wait()
                due_s = time.monotonic() + self._pause_s
                self._encode()
                self._demand.clear()
        finally:
            self.is_wanted, self._loop, self._view = False, None, None

    async def next(self, timeout_s: float) -> bytes | None:
        """The next frame as a message; None where the state has changed, after the timeout, and at the end."""
        if self.has_ended:
            return None
        waiter: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        self._demand.set()
        try:
            return await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError:
            return None
        finally:
            self._waiters.discard(waiter)

    def state_text(self) -> str:
        """The state of the source and the notice, as JSON."""
        event = self._event
        state = {"state": event.state, "reason": event.reason, "source": event.source} if event else {"state": None}
        return json.dumps({"kind": "state", **state, "notice": self._notice})

    def minutes_text(self) -> tuple[int, str]:
        """The last minutes as JSON, with a number that changes when they do; made once for all viewers."""
        number = self._minutes.number
        if self._minutes_text[0] != number:
            self._minutes_text = number, json.dumps({"kind": "minutes", **self._minutes.as_dict()})
        return self._minutes_text

    def _take(self, view: FrameMessage) -> None:
        self._view = view
        self._taken.set()

    def _encode(self) -> None:
        # Let go of at once: no picture stays here until the next is wanted.
        view, self._view = self._view, None
        if self._waiters and view is not None:
            self.encoded += 1
            self._deliver(view.as_message())

    def _deliver(self, message: bytes | None) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(message)
