"""The two HTTP servers: the preview, with its WebSockets, and the metrics."""

import contextlib
import logging
import socket
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from edge.preview import server
from edge.preview.preview import Preview
from edge.sinks.prometheus.exporter import MetricsSink
from edge.types import Frame, FrameReport
from tests.fuzz.target import Target

TOKEN = "0123456789abcdefghij"
#: How often a good request is sent.
_CHECK_EVERY = 200
_TIMEOUT_S = 8.0


class ServerErrors(logging.Handler):
    """Collects what servers log as an error, what fails in their event loops, and what ends one of their threads."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(lambda record: record.levelno >= logging.ERROR or record.name == server.__name__)
        self._found: list[BaseException | str] = []
        self._loggers = [logging.getLogger(name) for name in ("", "uvicorn.error")]
        for logger in self._loggers:
            logger.addHandler(self)
        self._hook = threading.excepthook
        threading.excepthook = lambda arguments: self.add(arguments.exc_value or "a thread has ended")

    def close(self) -> None:
        """Put back what was there before."""
        threading.excepthook = self._hook
        for logger in self._loggers:
            logger.removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        self.add(record.exc_info[1] if record.exc_info and record.exc_info[1] else record.getMessage())

    def add(self, error: BaseException | str) -> None:
        """Add an error that was noticed in another way."""
        self._found.append(error)

    def check(self) -> None:
        """Raise the first error since the last call."""
        found, self._found = self._found, []
        for error in found:
            raise error if isinstance(error, BaseException) else AssertionError(error)


class _HttpTarget(Target):
    """Sends inputs to two servers, without a token and with one; the length of an input chooses."""

    kind = "lines"
    max_bytes = 1 << 15
    good = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    tokens = (
        b"GET ", b"POST ", b"HEAD ", b" HTTP/1.0\r\n", b"Host: 127.0.0.1\r\n", b"Content-Length: 5\r\n",
        b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n\r\n", b"%00", b"%2e%2e/", b"Cookie: ",
        f"Bearer {TOKEN}".encode(), b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n",
        b"Origin: http://127.0.0.1\r\n", b"Content-Length: 99999999999999999999\r\n", b"0\r\n\r\n", b"\x81\x80",
        b"\x89\xfe",
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.errors_of_servers = ServerErrors()
        self.ports: list[int] = []
        self._n = 0

    def run(self, data: bytes) -> None:
        port = self.ports[len(data) % len(self.ports)]
        answer = _exchange(port, data)
        assert not answer.startswith(b"HTTP/1.1 5"), answer[:100]
        assert not answer.startswith(b"HTTP/1.0 5"), answer[:100]
        self._n += 1
        if self._n % _CHECK_EVERY == 0:
            first_line = _exchange(self.ports[0], self.good, ends=False).partition(b"\r\n")[0]
            assert first_line.endswith(b" 200 OK"), first_line
        self.errors_of_servers.check()

    def close(self) -> None:
        self.errors_of_servers.close()


def _exchange(port: int, data: bytes, ends: bool = True) -> bytes:
    """Send bytes, in two parts, and return what comes back until the server closes the connection.

    Args:
        port: of the server.
        data: what to send.
        ends: whether to send the end of the input, after which a server need not answer.
    """
    answer = b""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection:
        middle = zlib.crc32(data) % (len(data) + 1)
        # A server may close before it has read everything.
        with contextlib.suppress(ConnectionError):
            connection.sendall(data[:middle])
            connection.sendall(data[middle:])
            if middle % 8 == 0:
                # Time for an answer before the end of the input.
                connection.settimeout(0.02)
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(1 << 16)
                connection.settimeout(_TIMEOUT_S)
            with contextlib.suppress(OSError):
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            # A stream goes on: behind a request that has not been read yet, the server does not notice the end.
            while b"text/event-stream" not in answer and (part := connection.recv(1 << 16)):
                answer = (answer + part)[: 1 << 16]
    return answer


class PreviewServer(_HttpTarget):
    """The preview: pages, login and WebSockets."""

    name = "preview"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._previews = [Preview("127.0.0.1", 0), Preview("127.0.0.1", 0, TOKEN)]
        for preview in self._previews:
            preview.__enter__()
            self.ports.append(int(preview.url.rpartition(":")[2].rstrip("/")))
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_ending.set()
        self._thread.join()
        for preview in self._previews:
            preview.__exit__(None, None, None)
        super().close()

    def _publish(self) -> None:
        """Publish small frames, so that viewers are served."""
        index, image = 0, np.zeros((24, 32, 3), np.uint8)
        while not self._is_ending.wait(0.02):
            report = FrameReport("made", index, 0, 0, {"total": 1.0})
            for preview in self._previews:
                preview.camera().publish(Frame(image, index, time.monotonic(), index / 50), [], report, ())
            index += 1


class MetricsEndpoint(_HttpTarget):
    """The metrics."""

    name = "metrics"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._sinks = [MetricsSink("127.0.0.1", 0), MetricsSink("127.0.0.1", 0, TOKEN)]
        self.ports = [sink.port for sink in self._sinks]
        for sink in self._sinks:
            # The server ignores what ends the thread of a connection, because clients go away.
            sink._server._server.handle_error = self._note  # type: ignore[method-assign]

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()
        super().close()

    def _note(self, _: Any, __: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.errors_of_servers.add(error)
