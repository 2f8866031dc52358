"""The daemon under test, as a service manager sees it: a process, its files and its resources."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class DaemonProcess:
    """`mien run` on a scripted camera, with a sink of every kind; its standard error goes to a file."""

    def __init__(self, folder, broker_port, metrics_port, preview_port, stall_timeout_s):
        self.folder, self.script = folder, folder / "camera"
        self.config, self.report_path, self.errors = folder / "mien.toml", folder / "report.json", folder / "stderr.txt"
        self.events_path, self.rotated = folder / "events.jsonl", folder / "small-disk" / "events.csv"
        self.rotated.parent.mkdir(exist_ok=True)
        self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self.preview_port, self.metrics_port = preview_port, metrics_port
        self._options = {
            "sink": [
                f"jsonl:{self.events_path}?queue=100000",
                f"mqtt://127.0.0.1:{broker_port}/mien/soak",
                f"csv:{self.rotated}?rotate=300KB&keep=2",
                "jsonl:/dev/full",
                f"metrics:{metrics_port}",
            ],
            "emit": "frame",
            "preview": f"127.0.0.1:{preview_port}",
            "stall-timeout": stall_timeout_s,
            "freeze-timeout": 4.0,
            "wait-for-source": True,
            "report": str(self.report_path),
        }
        self._process = None
        self.set_camera("work")
        self.configure()

    def configure(self, **changed):
        """Write the configuration; `changed` replaces options of the usual one."""
        options = {"source": f"scripted:{self.script}", **self._options, **changed}
        temporary = self.config.with_suffix(".new")
        temporary.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items()))
        temporary.replace(self.config)

    def set_camera(self, word):
        temporary = self.script.with_suffix(".new")
        temporary.write_text(word)
        temporary.replace(self.script)

    def start(self):
        command = [sys.executable, "-P", "-m", "edge", "run", "--config", str(self.config)]
        with self.errors.open("w") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)

    def signal(self, number):
        self._process.send_signal(number)

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

    def rss_mb(self):
        """Resident memory of the daemon without its children, in megabytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def descriptors(self):
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    def threads(self):
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/task").iterdir())
