"""Faults injected into what the daemon depends on: one thread for each target, with its own random generator."""

import os
import random
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from tests.soak.daemon import QUEUE


@dataclass
class Fault:
    """One injected fault; times are monotonic, `end_s` is infinite while it lasts."""

    target: str
    name: str
    begin_s: float
    end_s: float


class FaultInjector:
    """Injects one fault after another until `ending` is set, and restores what it broke.

    A fault is a method `fault_NAME()` that returns when it is over.

    Attributes:
        target: what the faults happen to.
        faults: those injected so far.
        error: what ended the thread too early, if anything.
    """

    target = ""
    pause_s = (2.0, 8.0)

    def __init__(self, seed, ending):
        self._random = random.Random(f"{seed}:{self.target}")
        self._ending, self.faults, self.error = ending, [], None
        self._names = sorted(name for name in dir(self) if name.startswith("fault_"))
        self._thread = threading.Thread(target=self._run, name=f"{self.target} faults")

    def start(self):
        self._thread.start()

    def join(self):
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def is_idle(self):
        return not self.faults or self.faults[-1].end_s < time.monotonic()

    def _run(self):
        try:
            while not self._ending.wait(self._random.uniform(*self.pause_s)):
                name = self._choose_name()
                fault = Fault(self.target, name.removeprefix("fault_"), time.monotonic(), float("inf"))
                self.faults.append(fault)
                self._inject(name)
                fault.end_s = time.monotonic()
        except Exception as error:
            self.error = error
            raise

    def _choose_name(self):
        return self._random.choice(self._names)

    def _inject(self, name):
        getattr(self, name)()

    def _wait(self, low_s, high_s):
        self._ending.wait(self._random.uniform(low_s, high_s))


class CameraFaults(FaultInjector):
    """The camera's own faults, and those of the process that holds it."""

    target = "camera"

    def __init__(self, seed, ending, daemon):
        super().__init__(seed, ending)
        self._daemon = daemon
        for word in ("stall", "freeze", "torn", "damage", "vanish", "raise", "crash", "hang"):
            setattr(self, f"fault_{word}", lambda word=word: self._set(word))
        self._names = sorted(name for name in dir(self) if name.startswith("fault_"))

    def fault_killed(self):
        self._signal(signal.SIGKILL)

    def fault_stopped(self):
        self._signal(signal.SIGSTOP)
        self._wait(0.5, 5)

    def fault_changed_size(self):
        self._daemon.set_camera("work 320x240")
        self._wait(0.5, 3)
        self._daemon.set_camera("work")

    def _set(self, word):
        self._daemon.set_camera(word)
        self._wait(0.5, 5)
        self._daemon.set_camera("work")

    def _signal(self, number):
        pid = self._daemon.capture_pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


class BrokerFaults(FaultInjector):
    """Mosquitto restarts, is absent for a while, or hangs."""

    target = "broker"
    pause_s = (5.0, 15.0)

    def __init__(self, seed, ending, broker):
        super().__init__(seed, ending)
        self._broker = broker

    def fault_restarted(self):
        self._broker.stop()
        self._broker.start()

    def fault_absent(self):
        self._broker.stop()
        self._wait(1, 45)
        self._broker.start()

    def fault_hanging(self):
        self._broker.process.send_signal(signal.SIGSTOP)
        self._wait(1, 20)
        self._broker.process.send_signal(signal.SIGCONT)


class DiskFaults(FaultInjector):
    """The small disk below the rotated file fills up, and is emptied again."""

    target = "disk"

    def __init__(self, seed, ending, daemon):
        super().__init__(seed, ending)
        self._filler = daemon.rotated.parent / "filler"

    def fault_full(self):
        with suppress(OSError), self._filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
        self._wait(1, 10)
        self._filler.unlink()


class OperatorFaults(FaultInjector):
    """Signals: requests for a report, and reloads of good, changed and invalid configurations."""

    target = "operator"

    def __init__(self, seed, ending, daemon, rtsp):
        super().__init__(seed, ending)
        self._daemon, self._rtsp = daemon, rtsp

    def fault_report(self):
        self._daemon.signal(signal.SIGUSR1)

    def fault_unchanged(self):
        self._daemon.reload()

    def fault_bad_key(self):
        with self._daemon.other_configuration():
            self._daemon.config.write_text("sourse = 'x'\n")
            self._reload_and_wait()

    def fault_torn_file(self):
        with self._daemon.other_configuration():
            self._daemon.config.write_text(self._daemon.config.read_text()[:-30] + "'")
            self._reload_and_wait()

    def fault_no_such_model(self):
        self._run_with(model="nothing")

    def fault_changed_threads(self):
        self._run_with(threads=2)

    def fault_changed_classifier_options(self):
        self._run_with(prior=["neutral=0.6"], **{"min-hold": "1s"})

    def fault_changed_sinks(self):
        """Have the sinks opened again that write to files and to the broker, which may be away."""
        self._run_with(sink=self._daemon.sinks(queue=QUEUE + 1))

    def fault_stream_that_dies(self):
        """Switch to a real RTSP stream for a while, whose server restarts or hangs."""
        with self._daemon.other_configuration():
            self._daemon.configure(source=self._rtsp.url)
            self._daemon.reload()
            self._wait(4, 6)
            if self._random.random() < 0.5:
                self._rtsp.stop()
                self._wait(1, 3)
                self._rtsp.start()
            else:
                self._rtsp.process.send_signal(signal.SIGSTOP)
                self._wait(1, 5)
                self._rtsp.process.send_signal(signal.SIGCONT)
            self._wait(3, 6)

    def _run_with(self, **changed):
        with self._daemon.other_configuration():
            self._daemon.configure(**changed)
            self._reload_and_wait()

    def _reload_and_wait(self):
        self._daemon.reload()
        self._wait(0.5, 2)


class ClientFaults(FaultInjector):
    """Clients of the preview and of the metrics, well-behaved or not."""

    target = "client"

    def __init__(self, seed, ending, daemon, viewer):
        super().__init__(seed, ending)
        self._daemon, self._viewer = daemon, viewer

    def fault_viewer_leaves(self):
        self._watch(acknowledges=True)

    def fault_viewer_never_acknowledges(self):
        self._watch(acknowledges=False)

    def fault_viewer_vanishes(self):
        self._watch(acknowledges=True, vanishes=True)

    def fault_garbage(self):
        for port in (self._daemon.preview_port, self._daemon.metrics_port):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as client:
                client.settimeout(5)
                client.sendall(self._random.randbytes(500) + b"\r\n\r\n")
                client.recv(100)

    def fault_half_a_request(self):
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._daemon.preview_port), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127")
            self._wait(0.5, 5)

    def _watch(self, acknowledges, vanishes=False):
        end_s = time.monotonic() + self._random.uniform(1, 8)
        with self._viewer.live() as live, suppress(ConnectionClosed):
            while time.monotonic() < end_s and not self._ending.is_set():
                with suppress(TimeoutError):
                    if isinstance(live.recv(0.5), bytes) and acknowledges:
                        live.send("shown")
            if vanishes:
                live.socket.shutdown(socket.SHUT_RDWR)
                live.socket.close()
