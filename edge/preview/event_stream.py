"""Passes the messages that sinks get to the clients of `GET /api/v1/events`, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from edge.types import Message, SourceEvent

#: Messages that may wait for a slow client: the oldest are lost, and the stream reports how many.
CAPACITY = 256
#: How often a comment is sent if there is no message, so that both ends notice a dead connection.
HEARTBEAT_S = 15.0
#: More clients would slow down the loop.
MAX_CLIENTS = 8


class _Client:
    """The messages that wait for one client.

    Args:
        source: whose messages it gets; None for all.
    """

    def __init__(self, source: str | None) -> None:
        self.source = source
        self.waiting: deque[Message] = deque()
        self.lost = 0
        self.has_news = asyncio.Event()


class EventStream:
    """Serves any number of messages to a few clients."""

    def __init__(self) -> None:
        self._clients: set[_Client] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_ended = False

    @property
    def is_full(self) -> bool:
        """Whether as many clients are served as may be."""
        return len(self._clients) >= MAX_CLIENTS

    def put(self, message: Message) -> None:
        """Pass one message to all clients. The daemon's loop calls it; it never waits."""
        # Most of the time nobody listens.
        if self._clients and self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver, message)

    def end(self) -> None:
        """End all streams. The daemon's loop calls it."""
        self._has_ended = True
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)

    async def serve(self, source: str | None = None) -> AsyncIterator[str]:
        """Yield the text of the stream for one client, from the next message on.

        Args:
            source: whose messages it gets; None for all.
        """
        self._loop = asyncio.get_running_loop()
        client = _Client(source)
        self._clients.add(client)
        try:
            yield ": mien\n\n"
            while not self._has_ended:
                try:
                    await asyncio.wait_for(client.has_news.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": \n\n"
                    continue
                client.has_news.clear()
                if client.lost:
                    yield f"event: lost\ndata: {client.lost}\n\n"
                    client.lost = 0
                while client.waiting:
                    yield _text(client.waiting.popleft())
        finally:
            self._clients.discard(client)

    def _deliver(self, message: Message) -> None:
        for client in self._clients:
            if client.source not in (None, message.source):
                continue
            client.waiting.append(message)
            if len(client.waiting) > CAPACITY:
                client.waiting.popleft()
                client.lost += 1
            client.has_news.set()

    def _wake(self) -> None:
        for client in self._clients:
            client.has_news.set()


def _text(message: Message) -> str:
    kind = "source" if isinstance(message, SourceEvent) else "face"
    return f"event: {kind}\ndata: {json.dumps(message.as_dict())}\n\n"
