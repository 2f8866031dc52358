import time
from pathlib import Path

import pytest

from edge.capture.captured_source import CapturedSource

#: Long enough for any machine; nothing waits for it unless it fails.
DEADLINE_S = 60.0


class Camera:
    """A scripted camera, the states that its source reports, and the frames that it yields."""

    def __init__(self, script: Path) -> None:
        self.script, self.spec = script, f"scripted:{script}"
        self.states: list = []
        self.frames: list = []
        self.behave("work")

    def behave(self, word: str) -> None:
        beside = self.script.with_suffix(".new")
        beside.write_text(word)
        beside.replace(self.script)

    def open(self, **options) -> CapturedSource:
        """Open the camera with a short stall timeout, so that tests are quick, and without the freeze check."""
        options = {"open_timeout_s": 30.0, "stall_timeout_s": 1.0, "freeze_timeout_s": 0.0, **options}
        self.source = CapturedSource(self.spec, **options)
        return self.source

    def watch(self, stream, until) -> float:
        """Iterate until `until()` is true; the longest time that the iterator kept its caller waiting."""
        begin_s = asked_s = time.monotonic()
        longest_s = 0.0
        while not until():
            try:
                frame = next(stream)
            finally:
                self.states += self.source.state_events()
            now_s = time.monotonic()
            longest_s, asked_s = max(longest_s, now_s - asked_s), now_s
            if frame is not None:
                self.frames.append(frame)
                # The caller handles the changes of state first: no frame may come after the end of its source.
                assert self.states[-1].state == "online"
            assert now_s - begin_s < DEADLINE_S, f"nothing after {len(self.frames)} frames; states {self.state_names()}"
        return longest_s

    def more(self, count: int):
        """Return a condition that is true after `count` more frames."""
        expected = len(self.frames) + count
        return lambda: len(self.frames) >= expected

    def has_state(self, state: str):
        return lambda: bool(self.states) and self.states[-1].state == state

    def state_names(self) -> list[str]:
        return [event.state for event in self.states]


@pytest.fixture
def camera(tmp_path) -> Camera:
    return Camera(tmp_path / "script")


def is_gone(pid: int) -> bool:
    """No such process, or only its entry is left for a parent to read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def holders_of_memory(owner: int) -> list[int]:
    """Processes that hold the frame memory of a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            links = [str(link.readlink()) for link in (folder / "fd").iterdir()]
        except OSError:
            continue
        if any(link.startswith(f"/memfd:mien-frames-{owner} ") for link in links):
            found.append(int(folder.name))
    return found
