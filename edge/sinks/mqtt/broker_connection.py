"""The connection to an MQTT broker, kept open for weeks."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge.errors import first_line
from edge.sinks.mqtt.broker_settings import PASSWORD_VARIABLE, USER_VARIABLE, BrokerSettings
from edge.system.logs import RateLimitedLogger

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo

#: A broker in reach answers within milliseconds; the keep-alive detects one that has gone silent.
_KEEPALIVE_S, _CONNECT_TIMEOUT_S = 30, 5.0
#: Pauses between attempts to connect: they double from the first to the longest.
_FIRST_RECONNECT_S, _LONGEST_RECONNECT_S = 1, 5
_DISCONNECT_TIMEOUT_S = 0.3
#: How often the payload of the subscription is answered within the window.
_MAX_INTRODUCTIONS, _INTRODUCTIONS_WINDOW_S = 4, 60.0

#: The reasons for which a broker rejects a user (MQTT 5, 3.2.2.2), as paho names them.
_REJECTED_LOGINS = ("Not authorized", "Bad user name or password")

logger = logging.getLogger(__name__)


class BrokerConnection:
    """Connects to a broker, in paho's thread, and connects again whenever the connection is lost or rejected.

    Args:
        settings: of the broker.
        max_in_flight: how many messages are published and not acknowledged at most.
        on_ready: called with each new connection, in paho's thread.
        subscription: a topic and a payload: `on_ready` is called again when the payload arrives there; None for none.

    Attributes:
        is_connected: whether messages can be published.
        number: counts the connections; what was sent with QoS 0 over an earlier one is lost.
        connected_s: monotonic time of the last connection; before the first, of the construction.
        problem: why there is no connection.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        max_in_flight: int,
        on_ready: Callable[[], None],
        subscription: tuple[str, str] | None,
    ) -> None:
        from paho.mqtt.enums import CallbackAPIVersion

        from edge.sinks.mqtt.bounded_client import BoundedClient

        self._topic, self._on_ready, self._subscription = settings.topic, on_ready, subscription
        self._has_user = settings.user is not None
        self.is_connected = self._is_rejected = self._is_closing = False
        self.number = 0
        self.connected_s = time.monotonic()
        self.problem = "no answer yet"
        self._answered, self._disconnected = threading.Event(), threading.Event()
        self._client = BoundedClient(CallbackAPIVersion.VERSION2)
        self._introductions_s: deque[float] = deque(maxlen=_MAX_INTRODUCTIONS)
        self._warnings = RateLimitedLogger(logger)
        self._configure(settings, max_in_flight)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._client.loop_start()

    def wait_for_answer(self, timeout_s: float) -> bool:
        """Wait until the first attempt to connect has succeeded or failed; return whether it has."""
        return self._answered.wait(timeout_s)

    def publish(self, topic: str, payload: str, qos: int, retain: bool) -> MQTTMessageInfo | None:
        """Pass one message to paho; None if paho accepts no more.

        Args:
            topic: without the prefix of the daemon's topics.
            payload: as JSON.
            qos: the quality of service, 0 to 2.
            retain: whether the broker keeps the message for later subscribers.
        """
        from paho.mqtt.enums import MQTTErrorCode

        info = self._client.publish(f"{self._topic}/{topic}", payload, qos, retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN and qos:
            # Lost just now: paho keeps the message, and sends it when it has connected again.
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        return info if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def publish_retained(self, topic: str, payload: str) -> None:
        """Publish a retained message once, if there is a connection: `on_ready` repeats it with the next one."""
        if payload and self.is_connected:
            self._client.publish(f"{self._topic}/{topic}", payload, retain=True)

    def publish_discovery(self, topic: str, payload: str) -> None:
        """Publish a retained message under a topic without the prefix."""
        self._client.publish(topic, payload, retain=True)

    def close(self) -> None:
        """Announce `offline`, and disconnect."""
        self._is_closing = True
        self.publish_retained("availability", "offline")
        was_connected = self.is_connected
        self._disconnected.clear()
        self._client.disconnect()
        if was_connected and self._disconnected.wait(_DISCONNECT_TIMEOUT_S):
            self._client.loop_stop()

    def _configure(self, settings: BrokerSettings, max_in_flight: int) -> None:
        client = self._client
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.password)
        if settings.tls is not None:
            client.tls_set_context(settings.tls)
        client.will_set(f"{settings.topic}/availability", "offline", qos=1, retain=True)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.reconnect_delay_set(_FIRST_RECONNECT_S, _LONGEST_RECONNECT_S)
        # By default paho's queue is unbounded; the sink worker's is bounded, and paho never holds more than the window.
        client.max_inflight_messages_set(max_in_flight)
        client.max_queued_messages_set(max_in_flight)
        # Otherwise an error in a callback would end paho's thread, and with it the sink, without a message.
        client.suppress_exceptions = True
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.connect_async(settings.host, settings.port, _KEEPALIVE_S)

    # The following methods run in paho's thread.

    def _on_connect(self, client: Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if self._is_closing:
            # paho was connecting when `close` asked it to disconnect, and forgot that.
            client.disconnect()
            return
        if reason.is_failure:
            self._is_rejected, self.problem = True, f"it rejects the connection: {reason}{self._login_hint(reason)}"
            self._answered.set()
            return
        self.number += 1
        self.connected_s = time.monotonic()
        self.is_connected = True
        self._answered.set()
        if self._subscription is not None:
            client.subscribe(self._subscription[0])
        self._introductions_s.clear()
        self._on_ready()

    def _login_hint(self, reason: Any) -> str:
        if str(reason) not in _REJECTED_LOGINS:
            return ""
        if not self._has_user:
            return f"; expected a user and a password: set login=FILE, or {USER_VARIABLE} and {PASSWORD_VARIABLE}"
        return "; check the user and the password"

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        if self._is_closing:
            client.disconnect()
        # Called while the exception is being handled; paho passes it in no other way.
        error = sys.exception()
        self.problem = first_line(error) if isinstance(error, Exception) else "no connection"
        self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        exceeded, self._client.exceeded = self._client.exceeded, ""
        if exceeded:
            self.problem = exceeded
            if self._subscription is not None:
                # What it sends is what was subscribed to. Events are worth more than that.
                # It happens once: the log must have it, whatever it had in the last minute.
                logger.warning("no longer listening to %s: %s", self._subscription[0], exceeded)
                self._subscription = None
        elif self.is_connected:
            self.problem = "the connection was lost"
        elif not self._is_rejected:
            self.problem = "it closes the connection at once; does it expect mqtts://, or a client certificate?"
        self.is_connected = self._is_rejected = False
        self._answered.set()
        self._disconnected.set()

    def _on_message(self, _: Client, __: Any, message: Any) -> None:
        if self._subscription is None or message.payload != self._subscription[1].encode():
            return
        # Each announcement is answered with a hundred times its size.
        now_s, times_s = time.monotonic(), self._introductions_s
        if len(times_s) == _MAX_INTRODUCTIONS and now_s - times_s[0] < _INTRODUCTIONS_WINDOW_S:
            self._warnings.warning(f"{self._subscription[0]} announces a start again and again; not answered each time")
            return
        times_s.append(now_s)
        self._on_ready()
