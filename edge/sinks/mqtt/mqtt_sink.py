"""The sink `mqtt://[USER@]HOST[:PORT][/TOPIC]` or `mqtts://...`: an MQTT broker, and through it Home Assistant.

TOPIC is `mien/HOSTNAME` unless the address names one. Two daemons need two topics.

===================================== ======================================================= ======== ===========
topic                                 payload                                                 retained QoS
===================================== ======================================================= ======== ===========
TOPIC/events                          an event, as in JSON lines                              no       as set
TOPIC/aggregate                       an aggregate over many faces, with `--aggregate`        no       as set
TOPIC/source                          `{"time", "source", "state", "reason"}`: whether frames yes      as set
                                      arrive: `online`, `stalled`, `offline`
TOPIC/state                           `{"expression", "score", "faces", "counts", "fps",      yes      0
                                      "latency_ms", "model", "version"}`: the state of the
                                      room, null where unknown; `version` is mien's. When it
                                      changes, at most twice a second, and every 10 s
TOPIC/availability                    `online`; `offline` after a stop, or a crash (the will) yes      0; will: 1
homeassistant/device/TOPIC_/config    the discovery message, see `home_assistant`             yes      0
===================================== ======================================================= ======== ===========

Availability, discovery, source and state are published again after every connection, and when Home Assistant announces
on homeassistant/status that it has started.

Options, as `?key=value&key=value`: `qos` 0, 1 (the default: a message is delivered when it is acknowledged) or 2;
`login=FILE`, a file with the password on its only line, or user and password on a line each (or MIEN_MQTT_USER and
MIEN_MQTT_PASSWORD in the environment, or systemd's credential mqtt-login in the same format as the file); for `mqtts`
`ca=FILE`, `cert=FILE`, `key=FILE` and `insecure=yes`; `discovery=PREFIX` or `off`; `events=off` to publish no single
face.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from edge.errors import SinkError
from edge.inference.contract import FER2013_LABELS
from edge.sinks.mqtt.broker_connection import BrokerConnection
from edge.sinks.mqtt.broker_settings import OPTIONS, BrokerSettings, with_subtopic
from edge.sinks.mqtt.home_assistant import (
    BIRTH,
    BIRTH_PAYLOAD,
    device_name,
    discovery_message,
    discovery_topic,
)
from edge.sinks.mqtt.room_state import RoomState
from edge.sinks.sink import Requirement, Sink
from edge.sinks.sink_uri import SinkUri
from edge.types import Aggregate, Event, FrameReport, Message, SourceEvent

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessageInfo

logger = logging.getLogger(__name__)

_ACKNOWLEDGE_TIMEOUT_S = 10.0
#: How long to wait for an acknowledgment before looking for new messages.
_WAIT_S = 0.2
_TOPICS: dict[type, str] = {Event: "events", Aggregate: "aggregate", SourceEvent: "source"}
#: The shortest and the longest time between two messages to TOPIC/state.
_MIN_STATE_INTERVAL_S, _MAX_STATE_INTERVAL_S = 0.5, 10.0


class _Delivered:
    """Stands in flight for an event that is only counted in the state of the room."""

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """Return at once."""

    def is_published(self) -> bool:
        """True."""
        return True


class MqttSink(Sink):
    """Publishes messages over a connection that is kept open.

    While the broker is away, or rejects the connection, messages wait in the sink worker's queue.
    """

    usage = "mqtt://[USER@]HOST[:PORT][/TOPIC], mqtts://..."
    options = OPTIONS
    requirement = Requirement("mqtt", "paho-mqtt", "paho.mqtt.client")
    window = 20
    wants_frames = True
    # Without the event that a face has left, it would stay in the state of the room.
    has_filter = False

    def __init__(self, broker: BrokerSettings) -> None:
        self._broker = broker
        self._room = RoomState()
        #: Of models that were in use before.
        self._former_labels: tuple[str, ...] = ()
        self._is_introduced = False
        #: Payloads of the retained topics, as JSON; empty until they are known.
        self._state = self._source = ""
        self._source_state = ""
        self._published_s, self._published_state = 0.0, ""
        #: One for each message in flight, in order.
        self._in_flight: deque[MQTTMessageInfo | _Delivered] = deque()
        self._progress_s = time.monotonic()
        #: The connection over which the messages in flight were sent.
        self._sent_over = 0
        subscription = None if broker.discovery is None else (f"{broker.discovery}/{BIRTH}", BIRTH_PAYLOAD)
        self._connection = BrokerConnection(broker, self.window, self._introduce, subscription)
        self._connection.start()

    @classmethod
    def for_camera(cls, uri: SinkUri, camera: str) -> SinkUri:
        """See `Sink.for_camera`: TOPIC/CAMERA, so that each camera is a device of its own."""
        return with_subtopic(uri, camera)

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], MqttSink]:
        """See `Sink.prepare`; the broker is not contacted yet."""
        return partial(cls, BrokerSettings.from_uri(uri))

    def write(self, message: Message) -> None:
        """Publish one message, and wait until it is acknowledged.

        Raises:
            SinkError: there is no connection, or the acknowledgment does not arrive.
        """
        while not self.write_window([message]):
            pass

    def write_window(self, messages: Sequence[Message]) -> int:
        """Publish the new messages, and wait briefly for the first acknowledgment.

        Raises:
            SinkError: there is no connection, or acknowledgments do not arrive.
        """
        connection = self._connection
        if not connection.is_connected:
            may_wait = time.monotonic() - self._last_progress_s() < _ACKNOWLEDGE_TIMEOUT_S
            if not connection.wait_for_answer(_WAIT_S) and may_wait:
                # The first attempt to connect is still going on.
                return 0
        if not connection.is_connected:
            raise SinkError(f"cannot reach the broker {self._broker.name}: {connection.problem}")
        if self._broker.qos == 0 and self._sent_over != connection.number:
            self._in_flight.clear()
        self._sent_over = connection.number
        if not self._in_flight:
            self._progress_s = time.monotonic()
        for message in messages[len(self._in_flight) :]:
            if not self._publish_message(message):
                break
        if self._in_flight:
            self._in_flight[0].wait_for_publish(_WAIT_S)
        acknowledged = 0
        while self._in_flight and self._in_flight[0].is_published():
            self._in_flight.popleft()
            acknowledged += 1
        now_s = time.monotonic()
        if acknowledged:
            self._progress_s = now_s
        elif now_s - self._last_progress_s() > _ACKNOWLEDGE_TIMEOUT_S:
            raise SinkError(f"the broker {self._broker.name} acknowledges nothing")
        self._publish_state(now_s)
        return acknowledged

    def write_frame(self, report: FrameReport) -> None:
        """Take the report on one frame, for TOPIC/state."""
        now_s = time.monotonic()
        self._room.add_frame(report, now_s)
        if self._source_state != "online":
            # Frames arrive, so the source is online, whatever its last message was, or if that was dropped.
            self._note_source(SourceEvent(report.source, "online"))
            self._connection.publish_retained("source", self._source)
        self._publish_state(now_s)

    def set_labels(self, labels: Sequence[str]) -> None:
        """Have the discovery message name these expressions: at once, or as soon as there is a connection."""
        if tuple(labels) == self._room.labels:
            return
        # What was published before the labels were known has to be taken back.
        published = self._room.labels or (FER2013_LABELS if self._is_introduced else ())
        self._former_labels = tuple(dict.fromkeys((*self._former_labels, *published)))
        self._room.labels = tuple(labels)
        if self._connection.is_connected:
            self._publish_discovery()

    def set_model(self, identity: str) -> None:
        """Publish the model in TOPIC/state: at once, or as soon as there is a connection."""
        self._room.model = identity
        self._state = json.dumps(self._room.as_dict())
        self._connection.publish_retained("state", self._state)

    def close(self) -> None:
        """Announce `offline`, and disconnect."""
        self._connection.close()

    def _last_progress_s(self) -> float:
        """Return when an acknowledgment or a connection arrived last."""
        return max(self._progress_s, self._connection.connected_s)

    def _publish_message(self, message: Message) -> bool:
        """Publish one message; False if no more is accepted."""
        if isinstance(message, Event) and not self._broker.has_events:
            self._room.add(message)
            self._in_flight.append(_Delivered())
            return True
        retain = False
        if isinstance(message, SourceEvent):
            self._note_source(message)
            retain = True
        payload = json.dumps(message.as_dict())
        info = self._connection.publish(_TOPICS[type(message)], payload, self._broker.qos, retain)
        if info is None:
            return False
        self._room.add(message)
        self._in_flight.append(info)
        return True

    def _note_source(self, event: SourceEvent) -> None:
        self._source_state, self._source = event.state, json.dumps(event.as_dict())

    def _publish_state(self, now_s: float) -> None:
        self._state = json.dumps(self._room.as_dict())
        has_changed = self._state != self._published_state
        interval_s = _MIN_STATE_INTERVAL_S if has_changed else _MAX_STATE_INTERVAL_S
        if now_s - self._published_s >= interval_s:
            self._published_s, self._published_state = now_s, self._state
            self._connection.publish_retained("state", self._state)

    def _introduce(self) -> None:
        """Publish what a new subscriber has to know; called in paho's thread."""
        self._publish_discovery()
        connection = self._connection
        connection.publish_retained("availability", "online")
        connection.publish_retained("source", self._source)
        connection.publish_retained("state", self._state)
        if not self._is_introduced:
            self._is_introduced = True
            broker = self._broker
            shown = f"; Home Assistant shows the device {device_name(broker.topic)!r}" if broker.discovery else ""
            logger.info("connected to %s:%d as %s%s", broker.host, broker.port, broker.topic, shown)

    def _publish_discovery(self) -> None:
        broker = self._broker
        if broker.discovery is not None:
            message = discovery_message(broker.topic, self._room.labels or FER2013_LABELS, self._former_labels)
            self._connection.publish_discovery(discovery_topic(broker.discovery, broker.topic), message)
