"""Attackers: clients, senders of messages, and writers of configurations that want the daemon to fail.

Each attack is a context manager. While it lasts, somebody who knows the tokens opens the preview and the metrics again
and again; what the daemon writes, opens and allocates is recorded.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.sinks.mqtt.home_assistant import BIRTH, BIRTH_PAYLOAD
from tests.edge.idle_clients import idle_clients
from tests.edge.mosquitto import find
from tests.soak import flood
from tests.soak.daemon import QUEUE, Usage, new_token, replace_text
from tests.soak.faults import FaultInjector
from tests.soak.hostile_configurations import HOSTILE_TEXTS, LONG_NAME, hostile_options

#: Connections of one attack, and the processes that open them, one after another each.
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 64, 2000
_CLIENTS = 4
#: Bytes of a retained message; Mosquitto's own limit is 268 MB.
_MESSAGE_BYTES = (5_000_000, 100_000_000)
_STATUS_TOPIC = f"homeassistant/{BIRTH}"
#: Descriptors that other lanes may have opened since: viewers, a stream, a connection to the broker, which has three
#: of them (its socket, and the pair of sockets that wakes its thread).
DESCRIPTORS_OF_OTHERS = 10
#: A server closes a connection that sends nothing after 5 s.
_SETTLE_S = 20.0
#: A new token is in effect after this time on any machine.
_TOKEN_TIMEOUT_S = 60.0
#: A broker hangs for 20 s at most.
_DELIVERY_TIMEOUT_S = 30.0
#: What the log has when a huge message has ended the subscription.
_DEAF = f"no longer listening to {_STATUS_TOPIC}"
_VICTIM = "not a picture\n"


@dataclass
class Attack:
    """One attack, and what the daemon did meanwhile.

    Attributes:
        name: its kind.
        details: what it was exactly.
        before_s: how long it took to serve the viewer before the attack.
        served_s: how long it took each time while the attack lasted.
        lines: of the daemon's log, from its beginning until all was over.
        before, peak, after: what the daemon used; at the peak, the most of each; after, once it has closed what the
            attackers opened.
    """

    name: str
    before: Usage
    details: list[str] = field(default_factory=list)
    before_s: float = 0.0
    served_s: list[float] = field(default_factory=list)
    lines: int = 0
    peak: Usage = field(default_factory=lambda: Usage(0, 0, 0))
    after: Usage = field(default_factory=lambda: Usage(0, 0, 0))


def count_sockets(pid):
    """How many sockets a process has; none once it has ended."""
    links = Path(f"/proc/{pid}/fd").glob("*")
    with contextlib.suppress(OSError):
        return sum(link.readlink().name.startswith("socket:") for link in links)
    return 0


class Attackers(FaultInjector):
    """Attacks at random moments, for random spans.

    Attributes:
        attacks: those that are over.
        answers: of the requests of all floods: kind to status to how many.
        counts: what else happened, by its description.
        overwritten: files that were written through a link that an attacker had put in the way.
    """

    target = "attackers"
    pause_s = (3.0, 10.0)

    def __init__(self, seed, ending, daemon, broker, viewer):
        super().__init__(seed, ending)
        self._daemon, self._broker, self._viewer = daemon, broker, viewer
        self._publisher = find("mosquitto_pub")
        self._deaf_lines = 0
        self._attack = None
        self._bags = {}
        self.attacks, self.overwritten = [], []
        self.answers, self.counts = {}, Counter()

    def _choose_name(self):
        return self._draw("fault", self._names)

    def _draw(self, kind, options):
        """Draw one of the options at random; each comes once before any comes again, so that a short run has all."""
        bag = self._bags.setdefault(kind, [])
        if not bag:
            bag += self._random.sample(list(options), len(options))
        return bag.pop()

    def _inject(self, name):
        daemon = self._daemon
        lines = daemon.log_lines_with()
        attack = self._attack = Attack(name.removeprefix("fault_"), daemon.usage())
        attack.before_s = self._viewer.served_s()
        with getattr(self, name)():
            end_s = time.monotonic() + self._random.uniform(2, 8)
            self._serve()
            while time.monotonic() < end_s and not self._ending.wait(0.2) and daemon.status is None:
                self._serve()
        attack.after = self._settle()
        attack.lines = daemon.log_lines_with() - lines
        if not self._ending.is_set():
            self.attacks.append(attack)

    def _serve(self):
        """Have the viewer served once, and note how long that took, and what the daemon uses."""
        self._attack.served_s.append(self._viewer.served_s())
        now, peak = self._daemon.usage(), self._attack.peak
        self._attack.peak = Usage(
            max(now.memory_mb, peak.memory_mb), max(now.descriptors, peak.descriptors), max(now.threads, peak.threads)
        )

    def _settle(self):
        """Wait until the daemon has closed what the attackers opened, and return what it uses then."""
        allowed = self._attack.before.descriptors + DESCRIPTORS_OF_OTHERS
        deadline_s = time.monotonic() + _SETTLE_S
        while (usage := self._daemon.usage()).descriptors > allowed and time.monotonic() < deadline_s:
            if self._ending.wait(0.25):
                break
        return usage

    def _note(self, detail):
        self._attack.details.append(detail)

    # Connections.

    @contextmanager
    def fault_idle_connections(self):
        with self._connections(""):
            yield

    @contextmanager
    def fault_half_sent_requests(self):
        with self._connections("GET / HTTP/1.1\r\nHost: 127"):
            yield

    @contextmanager
    def _connections(self, first_bytes):
        ratio = MOST_CONNECTIONS / FEWEST_CONNECTIONS
        count = round(FEWEST_CONNECTIONS * ratio ** self._random.random())
        to_preview, again = self._random.random() < 0.5, self._random.random() < 0.5
        port = self._daemon.preview_port if to_preview else self._daemon.metrics_port
        with ExitStack() as stack:
            clients = [
                stack.enter_context(idle_clients(port, count // _CLIENTS, first_bytes, again, wait=False))
                for _ in range(_CLIENTS)
            ]
            yield
            # A busy machine may not have opened all of them in that time.
            opened = sum(count_sockets(client.pid) for client in clients)
            self.counts["clients that could not connect within 10 s"] += sum(c.poll() is not None for c in clients)
        self._note(f"{opened} of {count} to the {'preview' if to_preview else 'metrics'}{', again' if again else ''}")

    # Requests.

    @contextmanager
    def fault_wrong_tokens(self):
        with self._flood(self._draw("token", (flood.wrong_tokens, flood.wrong_cookies, flood.wrong_bearers))):
            yield

    @contextmanager
    def fault_foreign_hosts(self):
        with self._flood(flood.foreign_hosts):
            yield

    @contextmanager
    def fault_live_connections(self):
        with self._flood(flood.live_connections):
            yield

    @contextmanager
    def _flood(self, kind):
        name, ports = kind.__name__, (self._daemon.preview_port, self._daemon.metrics_port)
        command = [sys.executable, "-P", flood.__file__, name, *map(str, ports), str(self._random.random())]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield
            finally:
                answers = json.loads(process.communicate(timeout=60)[0])
        self.answers.setdefault(name, Counter()).update(answers)
        self._note(f"{name}: {sum(answers.values())} requests")

    # Messages.

    @contextmanager
    def fault_huge_retained_message(self):
        self._listen_again()
        size = self._random.randint(*_MESSAGE_BYTES)
        file = self._daemon.folder / "huge"
        with file.open("wb") as stream:
            stream.truncate(size)
        self._note(f"{size / 1e6:.0f} MB")
        lines, deadline_s = self._daemon.log_lines_with(_DEAF), time.monotonic() + _DELIVERY_TIMEOUT_S
        try:
            self._publish("-r", "-q", "1", "-f", str(file))
            file.unlink()
            # The broker may be hanging, or the daemon about to connect to it again.
            while self._daemon.log_lines_with(_DEAF) == lines and time.monotonic() < deadline_s:
                self._serve()
                if self._ending.wait(0.2):
                    break
            yield
        finally:
            # The broker may be away.
            while not self._publish("-r", "-q", "1", "-n") and not self._ending.wait(1):
                pass

    @contextmanager
    def fault_announcements(self):
        self._listen_again()
        count = self._random.randint(1_000, 50_000)
        self._note(f"{count} messages")
        self._publish("-l", text=f"{BIRTH_PAYLOAD}\n" * count)
        yield

    def _publish(self, *arguments, text=None):
        """Publish to the topic that Home Assistant announces its start on; return whether the broker took it."""
        command = [self._publisher, "-p", str(self._broker.port), "-t", _STATUS_TOPIC, *arguments]
        try:
            done = subprocess.run(command, input=text, text=True, timeout=20, capture_output=True, check=False)
            is_accepted = done.returncode == 0
        except subprocess.TimeoutExpired:
            is_accepted = False
        self.counts[f"messages that the broker {'accepted' if is_accepted else 'did not accept'}"] += 1
        return is_accepted

    def _listen_again(self):
        """Have the daemon connect to the broker again if it has given up the subscription for a huge message."""
        lines = self._daemon.log_lines_with(_DEAF)
        if lines > self._deaf_lines:
            self._deaf_lines = lines
            with self._daemon.other_configuration():
                self._daemon.configure(sink=self._daemon.sinks(queue=QUEUE + 1))
                self._daemon.reload()

    # The operator's files and signals.

    @contextmanager
    def fault_hostile_configurations(self):
        daemon = self._daemon
        hostile_configurations = [*hostile_options(daemon), *HOSTILE_TEXTS]
        for _ in range(4):
            hostile = self._draw("configuration", hostile_configurations)
            with daemon.other_configuration():
                if isinstance(hostile, str):
                    daemon.config.write_text(hostile)
                    self._note(hostile[:20].strip())
                else:
                    daemon.configure(**hostile)
                    self._note(", ".join(f"{key}={str(value)[-50:]}" for key, value in hostile.items()))
                self._daemon.reload()
            self._serve()
        yield

    @contextmanager
    def fault_absent_source(self):
        """Change to a source that is not there, and wait for it."""
        source = self._draw("source", ("camera:63", "picamera2", f"rtsp://{LONG_NAME}.example/1"))
        self._note(source)
        with self._daemon.other_configuration():
            self._daemon.configure(source=source)
            self._daemon.reload()
            yield

    @contextmanager
    def fault_signals(self):
        count = self._random.randint(200, 5000)
        self._note(f"{count} times SIGUSR1")
        for number in range(count):
            self._daemon.signal(signal.SIGUSR1)
            if number % 20 == 0:
                time.sleep(0.001)
        yield

    @contextmanager
    def fault_replaced_tokens(self):
        daemon = self._daemon
        file = self._draw("token file", (daemon.preview_token, daemon.metrics_token))
        self._note(file.name)
        with daemon.configuration_lock:
            # What is no token is rejected, and the old one stays.
            file.write_bytes(self._draw("no token", (b"", b"short", bytes(5000), b"x" * 5000, b"\xff" * 32)))
            daemon.reload()
            self._serve()
            if file == daemon.metrics_token:
                self._replace_metrics_token()
            else:
                replace_text(file, new_token())
                daemon.reload()
        yield

    @contextmanager
    def fault_links_among_debug_frames(self):
        """Put links into the folder in which the daemon stores pictures, or in place of the folder."""
        folder = self._daemon.folder / f"pictures-{len(self.attacks)}"
        victim = self._daemon.folder / f"victim-{len(self.attacks)}"
        kind = self._draw("links", ("the next pictures", "the notice", "the folder"))
        self._note(kind)
        if kind == "the folder":
            victim.mkdir()
            folder.symlink_to(victim)
        else:
            victim.write_text(_VICTIM)
        if kind == "the notice":
            folder.mkdir()
            (folder / "PICTURES-OF-PEOPLE.txt").symlink_to(victim)
        with self._daemon.other_configuration():
            self._daemon.configure(**{"debug-frames": str(folder)})
            self._daemon.reload()
            if kind == "the next pictures":
                self._put_links(folder, victim)
            yield
        self._daemon.reload()
        if any(victim.iterdir()) if victim.is_dir() else victim.read_text() != _VICTIM:
            self.overwritten.append(str(victim))

    def _put_links(self, folder, victim):
        deadline_s = time.monotonic() + 5
        # There is no picture while the camera has a fault.
        while not (pictures := sorted(folder.glob("*.jpg"))) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        number = int(pictures[-1].stem) if pictures else 0
        for each in range(number, number + 1000):
            with contextlib.suppress(FileExistsError):
                (folder / f"{each:08d}.jpg").symlink_to(victim)
        self.counts["pictures stored before links were put there"] += len(pictures)

    def _replace_metrics_token(self):
        """Replace the token of the metrics, and wait until it is in effect."""
        with self._daemon.configuration_lock:
            replace_text(self._daemon.metrics_token, new_token())
            self._daemon.reload()
            deadline_s = time.monotonic() + _TOKEN_TIMEOUT_S
            self._serve()
            while not self._viewer.has_newest_metrics_token and time.monotonic() < deadline_s:
                self._serve()
                if self._ending.wait(0.2):
                    return
