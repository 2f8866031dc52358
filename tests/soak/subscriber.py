"""A subscriber with a persistent session: the broker delivers again what it missed, also across restarts."""

import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """A persistent session at QoS 1.

    Attributes:
        received: the distinct payloads.
        repeated: how many payloads came more than once.
    """

    def __init__(self, port, topic):
        self.received, self.repeated, self._ready = set(), 0, threading.Event()
        self._topic = topic
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="soak", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10), "no subscription"

    def _on_connect(self, client, *_):
        client.subscribe(self._topic, qos=1)

    def _on_message(self, _, __, message):
        self.repeated += message.payload in self.received
        self.received.add(message.payload)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
