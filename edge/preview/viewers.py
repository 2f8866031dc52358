"""The connected viewers: each has a WebSocket, and gets the newest frame whenever it has shown the last one."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

from edge.preview.broadcast import Broadcast

#: How often the state is sent if there is no frame, so that the page knows that the daemon is running.
HEARTBEAT_S = 2.0
#: A page that has not acknowledged a frame for this long is gone.
ACKNOWLEDGE_TIMEOUT_S = 20.0
#: More viewers would slow down the loop.
MAX_VIEWERS = 8
#: Codes with which a WebSocket is closed, known to static/connection.js; 4000 to 4999 are for applications (RFC 6455,
#: 7.4.2).
TOKEN_NEEDED, FULL = 4401, 4429
#: The daemon ends, and may be restarted: `Service Restart` in IANA's registry.
ENDED = 1012


class Viewers:
    """Serves the connected viewers.

    Args:
        broadcast: provides the frames.

    Attributes:
        count: how many are connected.
    """

    def __init__(self, broadcast: Broadcast) -> None:
        self.count = 0
        self._broadcast = broadcast

    async def serve(self, socket: WebSocket) -> None:
        """Send frames and states to one viewer until the end.

        Raises:
            WebSocketDisconnect: the viewer has disconnected.
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
        broadcast, sent_state, sent_timeline = self._broadcast, -1, -1
        message = None
        while not broadcast.has_ended:
            # Without a frame, the state is the heartbeat.
            if message is None or sent_state != broadcast.state_number:
                sent_state = broadcast.state_number
                await socket.send_text(broadcast.state_text())
            number, text = broadcast.timeline_text()
            if sent_timeline != number:
                sent_timeline = number
                await socket.send_text(text)
            message = await broadcast.next(HEARTBEAT_S)
            if message is None:
                continue
            await socket.send_bytes(message)
            try:
                # At most one frame is in flight: nothing accumulates for a slow viewer, neither here nor in the kernel.
                await asyncio.wait_for(socket.receive_text(), ACKNOWLEDGE_TIMEOUT_S)
            except (TimeoutError, KeyError):
                return
