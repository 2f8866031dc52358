"""The health gate: a new release must work on this machine before it becomes the current one."""

from __future__ import annotations

import json
import selectors
import signal
import socket
import subprocess
import tempfile
import time
import tomllib
from contextlib import suppress
from pathlib import Path

from deploy.device.child_process import clean_environment, die_with_parent, last_words, run_child
from deploy.device.manifest import Manifest
from edge.errors import DeployError, UnhealthyError

#: A Pi with a slow card loads libraries and networks for half a minute when nothing is in memory yet.
LIMIT_S = 120.0
FRAMES = 30
#: `mien run` ends within 5 s of SIGTERM.
_END_S = 20.0


def check_health(release: Path, manifest: Manifest, frames: int, limit_s: float, config: Path | None = None) -> None:
    """Run the release's own daemon on the demo source, with the model of its configuration.

    Args:
        release: an installed release.
        manifest: its.
        frames: finished inferences that are asked for.
        limit_s: seconds that it has.
        config: the configuration that the service reads; the bundle's own where None.

    Raises:
        UnhealthyError: it refuses the configuration, does not become ready, stops, or is too slow.
    """
    mien, config = release / "venv" / "bin" / "mien", config or release / "config" / "mien.toml"
    try:
        run_child([mien, "run", "--config", config, "--show-config"], f"take {config}", clean_environment())
    except DeployError as error:
        raise UnhealthyError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="mien-gate-") as folder:
        path = Path(folder)
        options = ("--source", "demo", "--emit", "frame", "--sink", "jsonl:-", *_model_of(config, manifest))
        command: list[str | Path] = [mien, "run", *options]
        with (
            (path / "stderr").open("w+", encoding="utf-8", errors="replace") as said,
            _Listener(path / "notify") as heard,
        ):
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=folder,
                env=clean_environment(NOTIFY_SOCKET=str(path / "notify"), PYTHONDONTWRITEBYTECODE="1"),
                preexec_fn=die_with_parent,
            )
            try:
                seen, is_ready = _watch(process, heard, frames, limit_s, manifest.needs_ready)
                enough = seen >= frames and (is_ready or not manifest.needs_ready)
                if enough:
                    process.send_signal(signal.SIGTERM)
                status = _end(process) if enough else process.poll()
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
            said.seek(0)
            words = last_words(said.read(), status or 0)
    if not enough:
        told = "" if is_ready or not manifest.needs_ready else ", and was not ready"
        how = f"ran {limit_s:.0f} s" if status is None else f"ended with status {status}"
        raise UnhealthyError(f"the self-test {how} with {seen} of {frames} inferences{told}: {words}")
    if status != 0:
        told = f"ended with status {status}" if status is not None else f"did not end within {_END_S:.0f} s"
        raise UnhealthyError(f"the self-test {told} when it was told to end: {words}")


class _Listener:
    """The socket on which a service manager would hear that the daemon is ready."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def says_ready(self) -> bool:
        """Read one message."""
        try:
            return b"READY=1" in self._socket.recv(4096).split(b"\n")
        except BlockingIOError:
            return False

    def __enter__(self) -> _Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _watch(
    process: subprocess.Popen[bytes], heard: _Listener, frames: int, limit_s: float, needs_ready: bool
) -> tuple[int, bool]:
    """Count finished inferences until there are enough, the daemon ends, or time is up."""
    deadline_s, seen, is_ready, rest = time.monotonic() + limit_s, 0, False, b""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(heard, selectors.EVENT_READ)
        while seen < frames or (needs_ready and not is_ready):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            for key, _ in selector.select(left_s):
                if key.fileobj is heard:
                    is_ready = heard.says_ready() or is_ready
                    continue
                chunk = process.stdout.read1(65536)  # type: ignore[attr-defined]
                if not chunk:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_END_S)
                    return seen, is_ready
                *lines, rest = (rest + chunk).split(b"\n")
                seen += sum(map(_is_inference, lines))
    return seen, is_ready


def _is_inference(line: bytes) -> bool:
    try:
        event = json.loads(line)
        # A network that answers nonsense fails here: probabilities that do not sum up to one.
        return bool(event["state"] == "frame" and abs(sum(event["emotions"].values()) - 1) < 0.05)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _end(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status; None where it does not end. What it still writes is read, so that it can."""
    try:
        process.communicate(timeout=_END_S)
    except subprocess.TimeoutExpired:
        return None
    return process.returncode


def _model_of(config: Path, manifest: Manifest) -> list[str]:
    """The options that choose networks: as the configuration has them, the bundle's model otherwise."""
    try:
        table = tomllib.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnhealthyError(f"cannot read {config}: {error}") from error
    options = ["--model", str(table.get("model", manifest.model))]
    for key in ("detector", "threads"):
        if key in table:
            options += [f"--{key}", str(table[key])]
    return options
