"""Clients that break the protocol, or read nothing: the log gets no line, and the server ends in time."""

import logging
import socket
import time

import pytest

pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")
pytest.importorskip("starlette", reason="pip install 'mien[preview]'")

from edge.preview import Preview
from tests.edge.preview.conftest import wait_for


def exchange(preview, data):
    """Send bytes, and return what comes back until the server closes the connection."""
    address = ("127.0.0.1", int(preview.url.rpartition(":")[2].rstrip("/")))
    with socket.create_connection(address, 60) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
        return answer


def test_a_request_for_the_head_that_breaks_the_protocol_is_closed_without_a_traceback(caplog):
    broken = b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n"
    with Preview("127.0.0.1", 0) as preview:
        assert exchange(preview, broken) == b""
        # The same behind a request that is answered first.
        answer = exchange(preview, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + broken)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"</html>\n")
        assert exchange(preview, broken.replace(b"HEAD", b"GET")).startswith(b"HTTP/1.1 400 ")
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


UPGRADE = (
    b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SHOWN, RESERVED, CLOSE = b"\x81\x85\0\0\0\0shown", b"\x83\x80\0\0\0\0", b"\x88\x82\0\0\0\0\x03\xe8"


def slow_client(preview, data):
    """Send bytes, as a client that has so little room that the server cannot write a frame at once."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", int(preview.url.rpartition(":")[2].rstrip("/"))))
    connection.sendall(data)
    return connection


def stuck_viewer(preview):
    """Connect a viewer that asks for frames and reads none, until the server waits for it in the middle of one."""
    viewer = slow_client(preview, UPGRADE)
    wait_for(lambda: preview.camera().broadcast.encoded, "a frame")
    sent_s, encoded = time.monotonic(), 0
    while time.monotonic() < sent_s + 2:
        if preview.camera().broadcast.encoded > encoded:
            sent_s, encoded = time.monotonic(), preview.camera().broadcast.encoded
            viewer.sendall(SHOWN)
        time.sleep(0.01)
    return viewer


def test_a_viewer_that_breaks_the_protocol_while_a_frame_is_sent_is_closed_without_a_traceback(caplog, loop):
    with Preview("127.0.0.1", 0) as preview:
        loop(preview, size_wh=(1920, 1080), noise=True)
        with stuck_viewer(preview) as viewer:
            viewer.sendall(RESERVED)
            while viewer.recv(1 << 16):
                pass
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("last", [b"", CLOSE, RESERVED], ids=["open", "closing", "failed"])
def test_the_server_ends_without_a_traceback_although_a_viewer_reads_nothing(caplog, loop, last):
    with Preview("127.0.0.1", 0) as preview:
        loop(preview, size_wh=(1920, 1080), noise=True)
        viewer = stuck_viewer(preview)
        viewer.sendall(last)
    viewer.close()
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "data",
    [
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET /static/main.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 500,
    ],
    ids=["half a form", "many files"],
)
def test_the_server_ends_without_a_traceback_although_a_request_is_served(caplog, data):
    with Preview("127.0.0.1", 0) as preview:
        client = slow_client(preview, data)
        time.sleep(0.5)
    client.close()
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
