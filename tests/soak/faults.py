"""What happens to the daemon: a lane for each part of its world, each a thread with a random generator of its own."""

import os
import random
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass


@dataclass
class Fault:
    lane: str
    name: str
    begin_s: float
    end_s: float


class Lane:
    """Injects one fault after another, until it is told to end; what it breaks it mends.

    A fault is a method `fault_NAME(chance)` that returns when it is over.
    """

    pause_s = (2.0, 8.0)

    def __init__(self, seed, ending):
        self._chance = random.Random(f"{seed}:{type(self).__name__}")
        self._ending, self.faults, self.error = ending, [], None
        self._names = sorted(name for name in dir(self) if name.startswith("fault_"))
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)

    def start(self):
        self._thread.start()

    def join(self):
        self._thread.join()

    @property
    def is_calm(self):
        return not self.faults or self.faults[-1].end_s < time.monotonic()

    def _run(self):
        try:
            while not self._ending.wait(self._chance.uniform(*self.pause_s)):
                name = self._chance.choice(self._names)
                fault = Fault(type(self).__name__, name.removeprefix("fault_"), time.monotonic(), float("inf"))
                self.faults.append(fault)
                getattr(self, name)()
                fault.end_s = time.monotonic()
        except Exception as error:
            self.error = error
            raise

    def _lasts(self, low_s, high_s):
        self._ending.wait(self._chance.uniform(low_s, high_s))


class Camera(Lane):
    """The camera's own faults, and those of the process that holds it."""

    def __init__(self, seed, ending, daemon):
        super().__init__(seed, ending)
        self._daemon = daemon
        for does in ("stall", "freeze", "torn", "damage", "vanish", "raise", "crash", "hang"):
            setattr(self, f"fault_{does}", lambda does=does: self._does(does))
        self._names = sorted(name for name in dir(self) if name.startswith("fault_"))

    def fault_killed(self):
        self._signal(signal.SIGKILL)

    def fault_stopped(self):
        self._signal(signal.SIGSTOP)
        self._lasts(0.5, 5)

    def fault_other_size(self):
        self._daemon.camera_does("work 320x240")
        self._lasts(0.5, 3)
        self._daemon.camera_does("work")

    def _does(self, what):
        self._daemon.camera_does(what)
        self._lasts(0.5, 5)
        self._daemon.camera_does("work")

    def _signal(self, number):
        child = self._daemon.child()
        if child is not None:
            with suppress(ProcessLookupError):
                os.kill(child, number)


class Broker(Lane):
    """Mosquitto ends and returns, or hangs."""

    pause_s = (5.0, 15.0)

    def __init__(self, seed, ending, broker):
        super().__init__(seed, ending)
        self._broker = broker

    def fault_restarted(self):
        self._broker.stop()
        self._broker.start()

    def fault_away(self):
        self._broker.stop()
        self._lasts(1, 45)
        self._broker.start()

    def fault_hanging(self):
        self._broker.process.send_signal(signal.SIGSTOP)
        self._lasts(1, 20)
        self._broker.process.send_signal(signal.SIGCONT)


class Disk(Lane):
    """The small disk under the rotated file is full, and is not."""

    def __init__(self, seed, ending, daemon):
        super().__init__(seed, ending)
        self._filler = daemon.rotated.parent / "filler"

    def fault_full(self):
        with suppress(OSError), self._filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
        self._lasts(1, 10)
        self._filler.unlink()


class Operator(Lane):
    """Signals: reports, and configurations that are good, bad or other."""

    def __init__(self, seed, ending, daemon, rtsp):
        super().__init__(seed, ending)
        self._daemon, self._rtsp = daemon, rtsp

    def fault_report(self):
        self._daemon.signal(signal.SIGUSR1)

    def fault_same(self):
        self._reload()

    def fault_bad_key(self):
        self._daemon.config.write_text("sourse = 'x'\n")
        self._reload_and_mend()

    def fault_torn_file(self):
        self._daemon.config.write_text(self._daemon.config.read_text()[:-30] + "'")
        self._reload_and_mend()

    def fault_no_such_model(self):
        self._daemon.configure(model="nothing")
        self._reload_and_mend()

    def fault_other_threads(self):
        self._daemon.configure(threads=2)
        self._reload_and_mend()

    def fault_other_classifier_options(self):
        self._daemon.configure(prior=["neutral=0.6"], **{"min-hold": "1s"})
        self._reload_and_mend()

    def fault_stream_that_dies(self):
        """Another source for a while: a real RTSP server that stops, hangs and returns."""
        if self._rtsp is None:
            return
        self._daemon.configure(source=self._rtsp.url)
        self._reload()
        self._lasts(4, 6)
        if self._chance.random() < 0.5:
            self._rtsp.stop()
            self._lasts(1, 3)
            self._rtsp.start()
        else:
            self._rtsp.process.send_signal(signal.SIGSTOP)
            self._lasts(1, 5)
            self._rtsp.process.send_signal(signal.SIGCONT)
        self._lasts(3, 6)
        self._daemon.configure()
        self._reload()

    def _reload(self):
        self._daemon.signal(signal.SIGHUP)

    def _reload_and_mend(self):
        self._reload()
        self._lasts(0.5, 2)
        self._daemon.configure()
        self._reload()


class Visitors(Lane):
    """Who looks at the preview and at the metrics, well-behaved or not."""

    def __init__(self, seed, ending, daemon):
        super().__init__(seed, ending)
        self._daemon = daemon

    def fault_viewer_leaves(self):
        self._look(answers=True)

    def fault_viewer_says_nothing(self):
        self._look(answers=False)

    def fault_viewer_vanishes(self):
        viewer = self._look(answers=True, close=False)
        viewer.socket.shutdown(socket.SHUT_RDWR)
        viewer.socket.close()

    def fault_garbage(self):
        for port in (self._daemon.preview_port, self._daemon.metrics_port):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as visitor:
                visitor.settimeout(5)
                visitor.sendall(self._chance.randbytes(500) + b"\r\n\r\n")
                visitor.recv(100)

    def fault_half_a_request(self):
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._daemon.preview_port), 5) as visitor:
            visitor.sendall(b"GET / HTTP/1.1\r\nHost: 127")
            self._lasts(0.5, 5)

    def _look(self, answers, close=True):
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect

        viewer = connect(f"ws://127.0.0.1:{self._daemon.preview_port}/live", compression=None, proxy=None)
        end_s = time.monotonic() + self._chance.uniform(1, 8)
        while time.monotonic() < end_s and not self._ending.is_set():
            with suppress(TimeoutError, ConnectionClosed):
                if isinstance(viewer.recv(0.5), bytes) and answers:
                    viewer.send("shown")
        if close:
            viewer.close()
        return viewer
