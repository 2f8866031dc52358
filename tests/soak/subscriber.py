"""Who listens to the broker: asks for every event again that it missed, also over the broker's own restarts."""

import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """A persistent session of quality 1; `received` are the different events."""

    def __init__(self, port, topic):
        self.received, self.repeated, self._ready = set(), 0, threading.Event()
        self._topic = topic
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="soak", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10), "no subscription"

    def _connected(self, client, *_):
        client.subscribe(self._topic, qos=1)

    def _heard(self, _, __, message):
        self.repeated += message.payload in self.received
        self.received.add(message.payload)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
