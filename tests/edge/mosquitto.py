"""A real Mosquitto broker, and its own clients."""

import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from tests.edge.waiting import wait_until

#: Debian puts the broker where a user's PATH does not look.
SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))


def find(name):
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        pytest.skip(f"no {name}: apt-get install mosquitto mosquitto-clients")
    return path


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Mosquitto:
    """A broker on a port of its own that can be stopped and started again; it stores nothing.

    Args:
        folder: for its configuration.
        lines: of its configuration, besides the listener; by default it accepts every client.
    """

    def __init__(self, folder, lines=("allow_anonymous true",)):
        self._program, self.port = find("mosquitto"), free_port()
        self._configuration = folder / "mosquitto.conf"
        user = [] if os.getuid() else ["user root"]
        self._configuration.write_text("\n".join([f"listener {self.port} 127.0.0.1", *user, *lines, ""]))
        self.process = None
        self.start()

    def start(self):
        command = [self._program, "-c", self._configuration]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "the broker listens")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def _answers(self):
        assert self.process.poll() is None, "the broker ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Listener:
    """Runs `mosquitto_sub` on all topics; `received` is a list of (topic, payload, retained)."""

    def __init__(self, port, *options, topic="#"):
        command = [find("mosquitto_sub"), "-p", str(port), "-t", topic, "-q", "1", "-F", "%r %t %p", *map(str, options)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.received = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        for line in self._process.stdout:
            retained, topic, payload = line.rstrip("\n").split(" ", 2)
            self.received.append((topic, payload, retained == "1"))

    def payloads(self, topic):
        return [payload for name, payload, _ in list(self.received) if name == topic]

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._thread.join()
        self._process.stdout.close()
        self._process.stderr.close()


def connected_listener(broker, *options, ready_topic="listener/ready"):
    """Return a listener whose subscription is active."""
    listener = Listener(broker.port, *options)
    command = [find("mosquitto_pub"), "-p", str(broker.port), "-t", ready_topic, "-m", "x", *map(str, options)]

    def receives():
        subprocess.run(command, check=True, timeout=20)
        time.sleep(0.05)
        return listener.payloads(ready_topic)

    wait_until(receives, "the listener receives")
    return listener
