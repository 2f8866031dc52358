"""One viewer: a WebSocket that gets the newest frame each time it has shown the last."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

from edge.preview.broadcast import Broadcast

#: Without news something is said all the same, so that the page knows that the daemon is there.
HEARTBEAT_S = 2.0
#: A page that does not say for so long that it has shown a frame is gone.
SHOWN_TIMEOUT_S = 20.0
#: More viewers than that would cost the loop something.
MAX_VIEWERS = 8
#: Why a WebSocket is closed; 4000 to 4999 are free for applications (RFC 6455, 7.4.2). static/connection.js knows them.
LOCKED, FULL = 4401, 4429
#: The daemon ends, and may come back: `Service Restart` in IANA's list.
ENDED = 1012


class Viewers:
    """All who look.

    Attributes:
        count: how many they are.
    """

    def __init__(self, broadcast: Broadcast) -> None:
        self.count = 0
        self._broadcast = broadcast

    async def serve(self, socket: WebSocket) -> None:
        """Send frames and states until the end.

        Raises:
            WebSocketDisconnect: the viewer has left.
        """
        await socket.accept()
        if self.count >= MAX_VIEWERS:
            await socket.close(FULL)
            return
        self.count += 1
        try:
            await self._send_all(socket)
            await socket.close(ENDED)
        finally:
            self.count -= 1

    async def _send_all(self, socket: WebSocket) -> None:
        broadcast, state_sent, minutes_sent = self._broadcast, -1, -1
        message = None
        while not broadcast.has_ended:
            # A heartbeat, too: where nothing is new, this is all that is sent.
            if message is None or state_sent != broadcast.state_number:
                state_sent = broadcast.state_number
                await socket.send_text(broadcast.state_text())
            number, text = broadcast.minutes_text()
            if minutes_sent != number:
                minutes_sent = number
                await socket.send_text(text)
            message = await broadcast.next(HEARTBEAT_S)
            if message is None:
                continue
            await socket.send_bytes(message)
            try:
                # One frame is under way at most: nothing piles up for a slow viewer, here or in the kernel.
                await asyncio.wait_for(socket.receive_text(), SHOWN_TIMEOUT_S)
            except (TimeoutError, KeyError):
                return
