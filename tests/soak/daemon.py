"""The daemon under test, as a service manager sees it: a process, its files and its resources."""

import contextlib
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

#: What the log has once for each reload, and the time after which the daemon has reacted on any machine.
_REACTIONS = ("the old one stays", "the configuration was read again")
_RELOAD_TIMEOUT_S = 60.0
#: The soft limit of file descriptors that systemd gives to a service, whatever the limit of this process is.
DESCRIPTORS = 1024
#: More messages than wait while the broker is away or the disk full, so that none may be dropped.
QUEUE = 20_000


@dataclass(frozen=True)
class Usage:
    """What the daemon's process uses at one moment; memory is resident, in megabytes."""

    memory_mb: float
    descriptors: int
    threads: int


class DaemonProcess:
    """`mien run` on a scripted camera, with a sink of every kind; its standard error goes to a file.

    Two sinks serve metrics: one without a token, which the monitor reads, and one with a token, which is attacked.

    Attributes:
        preview_token, metrics_token: the files with the tokens.
        configuration_lock: held from a change of the configuration, or of a file that it names, until the daemon has
            reacted.
    """

    def __init__(self, folder, broker_port, ports, stall_timeout_s):
        self.folder, self.script = folder, folder / "camera"
        self.config, self.report_path, self.errors = folder / "mien.toml", folder / "report.json", folder / "stderr.txt"
        self.events_path, self.rotated = folder / "events.jsonl", folder / "small-disk" / "events.csv"
        self.rotated.parent.mkdir(exist_ok=True)
        metrics_port, self.metrics_port, self.preview_port = ports
        self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self.preview_token, self.metrics_token = folder / "preview-token", folder / "metrics-token"
        for file in (self.preview_token, self.metrics_token):
            replace_text(file, new_token())
        self._broker_port, self._open_metrics_port = broker_port, metrics_port
        self._options = {
            "sink": self.sinks(),
            "emit": "frame",
            "preview": f"127.0.0.1:{self.preview_port}",
            "preview-token-file": str(self.preview_token),
            "stall-timeout": stall_timeout_s,
            "freeze-timeout": 4.0,
            "wait-for-source": True,
            "report": str(self.report_path),
        }
        self.configuration_lock = threading.RLock()
        self._process = None
        self.set_camera("work")
        self.configure()

    def sinks(self, queue=QUEUE):
        """Return the sinks; those that have a `queue` are opened again when that changes."""
        return [
            f"jsonl:{self.events_path}?queue={queue}",
            f"mqtt://127.0.0.1:{self._broker_port}/mien/soak?queue={queue}",
            f"csv:{self.rotated}?rotate=300KB&keep=2&queue={queue}",
            "jsonl:/dev/full",
            f"metrics:{self._open_metrics_port}",
            f"metrics:{self.metrics_port}?token_file={self.metrics_token}",
        ]

    def configure(self, **changed):
        """Write the configuration; `changed` replaces options of the usual one."""
        options = {"source": f"scripted:{self.script}", **self._options, **changed}
        replace_text(self.config, "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items()))

    @contextlib.contextmanager
    def other_configuration(self):
        """Keep the configuration for the block alone, which may write another one; then have the usual one read."""
        with self.configuration_lock:
            try:
                yield
            finally:
                self.configure()
                self.reload()

    def set_camera(self, word):
        replace_text(self.script, word)

    def start(self):
        command = [sys.executable, "-P", "-m", "edge", "run", "--config", str(self.config)]
        with self.errors.open("w") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))

    def signal(self, number):
        self._process.send_signal(number)

    def reload(self):
        """Have the configuration read again, and wait until the log shows that it was, or that it was rejected."""
        with self.configuration_lock:
            before, deadline_s = self.log_lines_with(*_REACTIONS), time.monotonic() + _RELOAD_TIMEOUT_S
            self.signal(signal.SIGHUP)
            while self.log_lines_with(*_REACTIONS) == before and self.status is None and time.monotonic() < deadline_s:
                time.sleep(0.05)

    @property
    def status(self):
        """The exit status; None while it runs."""
        return self._process.poll()

    def stop(self):
        """Send SIGTERM, and return the seconds until the process has ended."""
        begin_s = time.monotonic()
        self.signal(signal.SIGTERM)
        self._process.wait(60)
        return time.monotonic() - begin_s

    def kill(self):
        if self._process is not None and self.status is None:
            self._process.kill()
            self._process.wait()

    def capture_pid(self):
        """The ID of the capture process; None while there is none."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def log_lines_with(self, *texts):
        """How many lines of standard error so far have one of the texts; without any, how many lines there are."""
        lines = self.errors.read_text(errors="replace").splitlines()
        return sum(any(text in line for text in texts or ("",)) for line in lines)

    def usage(self):
        """What the daemon uses now, without its children; nothing once it has ended."""
        folder = Path(f"/proc/{self._process.pid}")
        try:
            pages = int((folder / "statm").read_text().split()[1])
            descriptors, threads = (sum(1 for _ in (folder / name).iterdir()) for name in ("fd", "task"))
        except OSError:
            if self.status is None:
                raise
            return Usage(0, 0, 0)
        return Usage(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, descriptors, threads)


def replace_text(path, text):
    """Replace a file's text at once, so that no reader sees half of it."""
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)


def new_token():
    return secrets.token_urlsafe(24)
