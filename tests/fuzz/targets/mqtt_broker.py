"""An MQTT broker that sends whatever it likes, to the real sink with its thread."""

import contextlib
import socket
from pathlib import Path
from typing import Any

from edge.sinks import open_sink
from edge.sinks.mqtt import broker_connection
from edge.sinks.mqtt.mqtt_sink import MqttSink
from tests.fuzz.target import Target
from tests.fuzz.targets.servers import ServerErrors

_TIMEOUT_S = 8.0
#: Otherwise the sink connects again after a second, and answers announcements a few times a minute.
_CONSTANTS = {"_FIRST_RECONNECT_S": 0.001, "_LONGEST_RECONNECT_S": 0.001, "_MAX_INTRODUCTIONS": 1_000_000}


class MqttBroker(Target):
    """What a broker sends after the sink has connected; a new connection for each input."""

    name = "mqtt"
    tokens = (
        b"\x20\x02\0\0", b"\x90\x03\0\x01\0", b"\x30", b"\x32", b"\x34", b"\x62\x02\0\x01", b"\x40\x02\0\x01",
        b"\x50\x02\0\x01", b"\xd0\0", b"\xc0\0", b"\xe0\0", b"\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x01",
        b"homeassistant/status", b"online",
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._constants = {name: getattr(broker_connection, name) for name in _CONSTANTS}
        vars(broker_connection).update(_CONSTANTS)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_TIMEOUT_S)
        self._errors = ServerErrors()
        self._sink = self._open()

    def run(self, data: bytes) -> None:
        # The sink closes the connection when it has read enough.
        with self._accept() as connection, contextlib.suppress(ConnectionError):
            connection.recv(1 << 12)
            connection.sendall(data)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
        self._errors.check()
        if self._sink._connection._subscription is None:
            # It listens to nothing any more: what comes next would be ignored.
            self._sink.close()
            self._sink = self._open()

    def close(self) -> None:
        self._sink.close()
        self._listener.close()
        self._errors.close()
        vars(broker_connection).update(self._constants)

    def _accept(self) -> socket.socket:
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            self._errors.check()
            raise AssertionError("the sink does not connect again") from None
        connection.settimeout(_TIMEOUT_S)
        return connection

    def _open(self) -> MqttSink:
        port = self._listener.getsockname()[1]
        sink = open_sink(f"mqtt://127.0.0.1:{port}/mien/test")
        assert isinstance(sink, MqttSink)
        sink._connection._client.on_log = self._note
        return sink

    def _note(self, _: Any, __: Any, level: int, line: str) -> None:
        """Errors in callbacks only reach the log of the client."""
        if "aught exception" in line:
            self._errors.add(line)
