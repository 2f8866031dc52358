"""The connected viewers: each has a WebSocket, and gets the newest frame whenever it has shown the last one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

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
TOKEN_NEEDED, NO_CAMERA, FULL = 4401, 4404, 4429
#: The daemon ends, and may be restarted: `Service Restart` in IANA's registry.
ENDED = 1012


class Viewers:
    """Serves the connected viewers.

    Args:
        broadcasts: name of each camera to what provides its frames.

    Attributes:
        count: how many are connected.
    """

    def __init__(self, broadcasts: Mapping[str, Broadcast]) -> None:
        self.count = 0
        self._broadcasts = broadcasts

    async def serve(self, socket: WebSocket, camera: str | None = None) -> None:
        """Send frames and states of one camera to one viewer until the end.

        Args:
            socket: of the viewer.
            camera: its name; None for the first one.

        Raises:
            WebSocketDisconnect: the viewer has disconnected.
        """
        await socket.accept()
        name = next(iter(self._broadcasts)) if camera is None else camera
        if name not in self._broadcasts:
            await socket.close(NO_CAMERA)
            return
        if self.count >= MAX_VIEWERS:
            await socket.close(FULL)
            return
        self.count += 1
        try:
            cameras = {"kind": "cameras", "names": list(self._broadcasts), "shown": name}
            await socket.send_text(json.dumps(cameras))
            await self._send_all(socket, self._broadcasts[name])
            await socket.close(ENDED)
        finally:
            self.count -= 1

    async def _send_all(self, socket: WebSocket, broadcast: Broadcast) -> None:
        sent_state, sent_timeline, message = -1, -1, None
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
