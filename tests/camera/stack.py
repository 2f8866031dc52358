"""libcamera and picamera2 in a root file system, in which `mien` reads virtual cameras."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import cv2

from edge.sources.demo import DemoSource
from tests.camera.root import DEADLINE_S, MIEN, PYTHON, Root
from tests.camera.stand_ins import COMPILE, make_stand_ins
from tests.edge.json_lines import complete_lines

#: libcamera with its Python binding, what picamera2 needs, and what compiles PiDNG and the preloaded library.
PACKAGES = (
    "python3-libcamera", "python3-pil", "python3-prctl", "python3-jsonschema", "python3-libarchive-c", "python3-piexif",
    "python3-tqdm", "gcc", "libc6-dev", "libpython3-dev", "python3-setuptools", "python3-wheel",
)  # fmt: skip
#: Where libcamera reads what the virtual cameras are, and the folder of the pictures that they show.
CAMERAS, PICTURES = "usr/share/libcamera/pipeline/virtual/virtual.yaml", "/root/faces/"


class Camera:
    """A virtual camera.

    Args:
        sizes: the sizes of its frames.
        pictures: it shows the folder of made faces; otherwise a test pattern.
        name: libcamera's identifier of the camera.
    """

    def __init__(self, *sizes, pictures=True, name="Virtual0"):
        self.name, self.shows = name, {"frames": {"path": PICTURES}} if pictures else {"test_pattern": "lines"}
        self.formats = [{"width": width, "height": height, "frame_rates": [30]} for width, height in sizes]

    def entry(self):
        """Its part of libcamera's file, which may be written as JSON: YAML contains it."""
        return {self.name: {"supported_formats": self.formats, **self.shows, "model": "virtual"}}


class Stack(Root):
    """Debian Trixie with libcamera, picamera2, the stand-ins and a bundle.

    Args:
        folder: for what is made: keys, the installer, the bundle.
    """

    def __init__(self, folder):
        super().__init__("trixie", PACKAGES, folder)
        make_stand_ins(self.root, self.packages / "picamera2")
        self.run(*COMPILE)
        (self.root / CAMERAS).parent.mkdir(parents=True, exist_ok=True)
        self._make_pictures()

    def _make_pictures(self):
        folder = self.root / PICTURES.strip("/")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for frame in DemoSource(paced=False):
            # libcamera keeps them all in memory, once for each stream.
            if frame.index == 10:
                break
            cv2.imwrite(str(folder / f"{frame.index}.jpg"), frame.image_bgr)

    def connect(self, *cameras):
        """Have libcamera find these cameras when a process starts."""
        path = self.root / CAMERAS
        entries = {name: entry for camera in cameras for name, entry in camera.entry().items()}
        beside = path.with_suffix(".new")
        beside.write_text(f"%YAML 1.1\n---\n{json.dumps(entries)}\n")
        beside.replace(path)

    def python(self, code, *arguments):
        """Run Python code with the release's libraries, and return what it prints as JSON in its last line."""
        done = subprocess.run(
            self.command(PYTHON, "-c", code, *map(str, arguments)), capture_output=True, text=True, timeout=DEADLINE_S
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout.splitlines()[-1])

    def read(self, frames, *arguments):
        """Run `mien run` on picamera2 for a number of frames: its run report and its events."""
        for name in ("events.jsonl", "report.json"):
            (self.root / "root" / name).unlink(missing_ok=True)
        outputs = ("--sink", "jsonl:/root/events.jsonl", "--report", "/root/report.json", "--emit", "frame")
        done = self.mien("run", "--source", "picamera2", "--max-frames", frames, *outputs, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads((self.root / "root/report.json").read_text()), self.events("events.jsonl")

    def events(self, name):
        """The events that a run has written to a file in /root so far."""
        return complete_lines(self.root / "root" / name)

    @contextmanager
    def daemon(self, *arguments, name="daemon.jsonl"):
        """A running `mien run` on picamera2 whose source is waited for."""
        (self.root / "root" / name).unlink(missing_ok=True)
        options = ("--wait-for-source", "--sink", f"jsonl:/root/{name}", "--emit", "frame", *arguments)
        process = subprocess.Popen(
            self.command(MIEN, "run", "--source", "picamera2", *options),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Daemon(self, process, name)
        finally:
            process.kill()
            process.communicate()


class Daemon:
    """A running `mien run`.

    Args:
        stack: where it runs.
        process: its outermost process.
        name: the file in /root to which it writes events.
    """

    def __init__(self, stack, process, name):
        self._stack, self._process, self._name = stack, process, name

    def events(self):
        """The events so far."""
        return self._stack.events(self._name)

    def states(self):
        """The states of the source so far, each with its reason."""
        return [(event["state"], event["reason"]) for event in self.events() if "reason" in event]

    def faces(self):
        """The events with a face so far."""
        return [event for event in self.events() if "box" in event]

    def wait(self, condition):
        """Wait until a condition of this object is true."""
        end_s = time.monotonic() + DEADLINE_S
        while not condition(self):
            assert self._process.poll() is None, self._process.stderr.read()
            assert time.monotonic() < end_s, (self.states(), self.events()[-3:])
            time.sleep(0.1)

    def more_faces(self, count=3):
        """Wait for further events with a face."""
        expected = len(self.faces()) + count
        self.wait(lambda daemon: len(daemon.faces()) >= expected)

    def kill_capture(self):
        """Kill the process that holds the camera."""
        pids = [pid for pid in _descendants(self._process.pid) if "edge.capture.camera_process" in _command_line(pid)]
        assert len(pids) == 1, pids
        os.kill(pids[0], signal.SIGKILL)

    def end(self):
        """Send SIGTERM to the daemon: its exit status and its output."""
        for pid in _descendants(self._process.pid):
            if "mien run" in _command_line(pid):
                os.kill(pid, signal.SIGTERM)
        _, output = self._process.communicate(timeout=DEADLINE_S)
        return self._process.returncode, output


def _descendants(pid):
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        threads = [int(folder.name) for folder in Path(f"/proc/{pid}/task").iterdir() if folder.name != str(pid)]
        for thread in threads:
            children += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    except FileNotFoundError:
        return []
    return [*children, *(deeper for child in children for deeper in _descendants(child))]


def _command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
