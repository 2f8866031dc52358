"""`mqtt://[USER@]HOST[:PORT][/TOPIC]`, `mqtts://...`: to an MQTT broker, and so into Home Assistant.

TOPIC is `mien/HOSTNAME` where the address names none. Two daemons need two topics.

===================================== ======================================================= ======== ===========
topic                                 payload                                                 retained QoS
===================================== ======================================================= ======== ===========
TOPIC/events                          an event, as in JSON lines                              no       as asked
TOPIC/aggregate                       sums of many faces, with `--aggregate`                  no       as asked
TOPIC/source                          `{"time", "source", "state", "reason"}`: whether frames yes      as asked
                                      come: `online`, `stalled`, `offline`
TOPIC/state                           `{"expression", "score", "faces", "fps", "latency_ms",  yes      0
                                      "model", "version"}` of this moment, null where unknown;
                                      `version` is mien's. When it changes, at most twice a
                                      second, and every 10 s
TOPIC/availability                    `online`; `offline` after a stop, or a death (the will) yes      0; will: 1
homeassistant/device/TOPIC_/config    the discovery message, see edge/sinks/mqtt/home_assistant.py yes      0
===================================== ======================================================= ======== ===========

Availability, discovery, source and state are sent anew after every connection, and when Home Assistant says on
homeassistant/status that it has started.

Options, as `?key=value&key=value`: `qos` 0, 1 (default: delivered is acknowledged) or 2; `login=FILE`, with the
password on its only line, or user and password on two (or MIEN_MQTT_USER and MIEN_MQTT_PASSWORD in the environment,
or systemd's credential mqtt-login, as the file has it);
for `mqtts` `ca=FILE`, `cert=FILE`, `key=FILE` and `insecure=yes`; `discovery=PREFIX` or `off`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from edge.errors import MissingExtraError, SinkError, first_line
from edge.sinks.mqtt.broker_settings import BrokerSettings
from edge.sinks.mqtt.dashboard_state import DashboardState
from edge.sinks.mqtt.home_assistant import BIRTH, BIRTH_PAYLOAD, discovery_message, discovery_topic
from edge.sinks.sink_uri import SinkUri
from edge.types import Aggregate, Event, FrameReport, Message, SourceEvent

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo

#: A broker that is there answers within milliseconds; one that is silent is found out by the keep-alive.
_KEEPALIVE_S, _CONNECT_TIMEOUT_S, _ACKNOWLEDGE_TIMEOUT_S = 30, 5.0, 10.0
#: Between attempts to connect: doubles from the first to the last.
_FIRST_RECONNECT_S, _LAST_RECONNECT_S = 1, 5
#: How long to wait for an acknowledgement before looking for new messages.
_WAIT_S = 0.2
_GOODBYE_S = 0.3
_TOPICS: dict[type, str] = {Event: "events", Aggregate: "aggregate", SourceEvent: "source"}
#: TOPIC/state: no oftener than the one, no seldomer than the other.
_STATE_S, _STATE_AT_LEAST_S = 0.5, 10.0


def mqtt_opener(spec: SinkUri) -> Callable[[], MqttSink]:
    """What opens the sink of a spec; files are read, the broker is not called yet.

    Raises:
        WrongUseError: the spec is not what was expected.
        SinkError: a file that it names cannot be read.
        MissingExtraError: paho-mqtt is not installed.
    """
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("mqtt", "paho-mqtt") from error
    return partial(MqttSink, BrokerSettings.of(spec))


class MqttSink:
    """Keeps a connection to a broker, in paho's thread, and sends messages over it.

    A broker that is away, or refuses us, is called again for ever; meanwhile messages wait in the outlet.

    Attributes:
        window: messages under way without acknowledgement.
    """

    window = 20

    def __init__(self, broker: BrokerSettings) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._broker = broker
        self._moment = DashboardState()
        self._state, self._sent_s, self._sent_state = "", 0.0, ""
        self._source = ""
        self._source_state = ""
        #: One for each message under way, in their order.
        self._under_way: deque[MQTTMessageInfo] = deque()
        self._arrived_s = time.monotonic()
        self._connected = self._refused = False
        #: Goes up with each connection: what was sent with QoS 0 over an earlier one is lost.
        self._connection = self._sent_over = 0
        self._why = "no answer yet"
        self._answered, self._goodbye = threading.Event(), threading.Event()
        self._client: Client = Client(CallbackAPIVersion.VERSION2)
        self._start()

    def write(self, message: Message) -> None:
        """Publish one message, and wait until it is acknowledged.

        Raises:
            SinkError: there is no connection, or the acknowledgement does not come.
        """
        while not self.write_window([message]):
            pass

    def write_window(self, messages: Sequence[Message]) -> int:
        """Publish what is new, and wait a moment for the first acknowledgement.

        Raises:
            SinkError: there is no connection, or acknowledgements do not come.
        """
        if not self._connected:
            patient = time.monotonic() - self._arrived_s < _ACKNOWLEDGE_TIMEOUT_S
            if not self._answered.wait(_WAIT_S) and patient:
                # The first attempt to connect is still going on.
                return 0
        if not self._connected:
            raise SinkError(f"cannot reach the broker {self._broker.name}: {self._why}")
        if self._broker.qos == 0 and self._sent_over != self._connection:
            self._under_way.clear()
        self._sent_over = self._connection
        if not self._under_way:
            self._arrived_s = time.monotonic()
        for message in messages[len(self._under_way) :]:
            if not self._publish_message(message):
                break
        if self._under_way:
            self._under_way[0].wait_for_publish(_WAIT_S)
        arrived = 0
        while self._under_way and self._under_way[0].is_published():
            self._under_way.popleft()
            arrived += 1
        now_s = time.monotonic()
        if arrived:
            self._arrived_s = now_s
        elif now_s - self._arrived_s > _ACKNOWLEDGE_TIMEOUT_S:
            raise SinkError(f"the broker {self._broker.name} acknowledges nothing")
        self._publish_state(now_s)
        return arrived

    def frame(self, report: FrameReport) -> None:
        """Take what one frame took, for TOPIC/state."""
        now_s = time.monotonic()
        self._moment.add_frame(report, now_s)
        if self._source_state != "online":
            # Frames come: whatever was said of it before, or was dropped, the source is there.
            self._note_source(SourceEvent(report.source, "online"))
            self._publish("source", self._source)
        self._publish_state(now_s)

    def model(self, identity: str) -> None:
        """Tell the model in TOPIC/state: at once, or with the connection when it comes."""
        self._moment.model = identity
        self._state = json.dumps(self._moment.as_dict())
        self._publish("state", self._state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say `offline`, and end the connection."""
        self._publish("availability", "offline")
        connected = self._connected
        self._goodbye.clear()
        self._client.disconnect()
        if connected and self._goodbye.wait(_GOODBYE_S):
            self._client.loop_stop()

    def _start(self) -> None:
        broker, client = self._broker, self._client
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        client.will_set(f"{broker.topic}/availability", "offline", qos=1, retain=True)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.reconnect_delay_set(_FIRST_RECONNECT_S, _LAST_RECONNECT_S)
        # paho's own queue has no bound; the outlet's has. Nothing but the window is ever in it.
        client.max_inflight_messages_set(self.window)
        client.max_queued_messages_set(self.window)
        # An error in a callback would otherwise end paho's thread, and with it the sink, without a word.
        client.suppress_exceptions = True
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.connect_async(broker.host, broker.port, _KEEPALIVE_S)
        client.loop_start()

    def _publish_message(self, message: Message) -> bool:
        """Hand one message to paho; False where that takes no more."""
        from paho.mqtt.enums import MQTTErrorCode

        payload = json.dumps(message.as_dict())
        if isinstance(message, SourceEvent):
            self._note_source(message)
        topic = f"{self._broker.topic}/{_TOPICS[type(message)]}"
        info = self._client.publish(topic, payload, self._broker.qos, retain=isinstance(message, SourceEvent))
        if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN and self._broker.qos:
            # Lost this moment: paho keeps the message and sends it when it has connected again.
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._moment.add(message)
        self._under_way.append(info)
        return True

    def _note_source(self, event: SourceEvent) -> None:
        self._source_state, self._source = event.state, json.dumps(event.as_dict())

    def _publish_state(self, now_s: float) -> None:
        self._state = json.dumps(self._moment.as_dict())
        pause_s = _STATE_S if self._state != self._sent_state else _STATE_AT_LEAST_S
        if now_s - self._sent_s >= pause_s:
            self._sent_s, self._sent_state = now_s, self._state
            self._publish("state", self._state)

    def _publish(self, topic: str, payload: str) -> None:
        """Retained, once: it is sent anew with every connection, so there is nothing to repeat."""
        if payload and self._connected:
            self._client.publish(f"{self._broker.topic}/{topic}", payload, retain=True)

    def _introduce(self) -> None:
        """Everything that a newcomer has to know."""
        broker = self._broker
        if broker.discovery is not None:
            self._client.publish(
                discovery_topic(broker.discovery, broker.topic), discovery_message(broker.topic), retain=True
            )
        self._publish("availability", "online")
        self._publish("source", self._source)
        self._publish("state", self._state)

    # What follows runs in paho's thread.

    def _on_connect(self, client: Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self._refused, self._why = True, f"it refuses us: {reason}"
            self._answered.set()
            return
        self._connection += 1
        self._arrived_s = time.monotonic()
        self._connected = True
        self._answered.set()
        if self._broker.discovery is not None:
            client.subscribe(f"{self._broker.discovery}/{BIRTH}")
        self._introduce()

    def _on_connect_fail(self, _: Client, __: Any) -> None:
        # Called while the exception is being handled; paho hands it over in no other way.
        error = sys.exception()
        self._why = first_line(error) if isinstance(error, Exception) else "no connection"
        self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        if self._connected:
            self._why = "the connection was lost"
        elif not self._refused:
            self._why = "it ends the connection at once; does it want mqtts://, or a client certificate?"
        self._connected = self._refused = False
        self._answered.set()
        self._goodbye.set()

    def _on_message(self, _: Client, __: Any, message: Any) -> None:
        if message.payload == BIRTH_PAYLOAD.encode():
            self._introduce()
