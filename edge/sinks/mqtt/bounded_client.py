"""paho's client with bounds on what a broker may send, and on what waits to be sent to it.

Imports paho-mqtt at the top: import this module only where the extra is needed.
"""

from __future__ import annotations

from paho.mqtt.client import Client

#: The subscription is for messages of six bytes; acknowledgments are smaller.
MAX_PACKET_BYTES = 4096
#: Packets to the broker: the window of messages, the retained topics after a connection, and acknowledgments.
MAX_PACKETS_WAITING = 200
#: Messages with QoS 2 that the broker has begun to deliver; the subscription asks for QoS 0.
MAX_MESSAGES_BEGUN = 20


class BoundedClient(Client):  # type: ignore[misc]
    """Drops the connection when a packet is too large, before it is read, or when the broker does not do its part.

    paho has no such limits. MQTT 5 has one that the broker keeps, if it speaks MQTT 5 and is honest.

    Attributes:
        exceeded: what the broker did when the connection was dropped for it; empty otherwise.
    """

    exceeded = ""

    def _thread_main(self) -> None:
        """Run paho's loop, and close the sockets when it ends.

        paho leaves the pair of sockets that wakes its thread to the garbage collector, which warns of them.
        """
        try:
            super()._thread_main()
        finally:
            self._reset_sockets()

    def _sock_recv(self, bufsize: int) -> bytes:
        """Read from the socket; paho asks for the rest of a packet at once."""
        if bufsize > MAX_PACKET_BYTES:
            self.exceeded = f"it sends a packet of {bufsize} bytes: expected at most {MAX_PACKET_BYTES}"
        elif len(self._out_packet) > MAX_PACKETS_WAITING:
            self.exceeded = f"it sends, and reads nothing: {len(self._out_packet)} packets are waiting"
        elif len(self._in_messages) > MAX_MESSAGES_BEGUN:
            self.exceeded = f"it begins to deliver messages, and does not go on: {len(self._in_messages)} are waiting"
        else:
            data: bytes = super()._sock_recv(bufsize)
            return data
        # paho takes it for a lost connection.
        raise ConnectionAbortedError(self.exceeded)
