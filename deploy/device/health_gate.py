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

from deploy.device.child_process import (
    Identity,
    clean_environment,
    die_with_parent,
    last_line,
    run_child,
)
from deploy.device.manifest import Manifest
from edge.errors import DeployError, UnhealthyError

#: Seconds allowed for the self-test. A Raspberry Pi with a slow card needs half a minute to load libraries and models
#: for the first time.
LIMIT_S = 120.0
#: Inferences that the self-test must finish.
FRAMES = 30
#: Seconds that the daemon may take to end after SIGTERM: it needs 5 at most on a Raspberry Pi.
_EXIT_LIMIT_S = 20.0
#: The same as a share of the limit, for a user who allows a slow machine more time.
_EXIT_SHARE = 1 / 4


def check_health(
    release: Path,
    manifest: Manifest,
    frames: int,
    limit_s: float,
    config: Path | None = None,
    identity: Identity | None = None,
) -> None:
    """Run the release's own daemon on the demo source, with the model that its configuration names.

    Args:
        release: an installed release.
        manifest: of the release.
        frames: inferences that must be finished.
        limit_s: seconds allowed for them, and for reading the configuration before.
        config: the configuration that the service reads; None is the one in the bundle.
        identity: the user that runs it; None is the present one.

    Raises:
        UnhealthyError: the release rejects the configuration, does not become ready, stops, or is too slow.
    """
    mien, config = release / "venv" / "bin" / "mien", config or release / "config" / "mien.toml"
    with tempfile.TemporaryDirectory(prefix="mien-health-") as folder:
        path = Path(folder)
        copy = _copy_readable(config, path, identity)
        # The service's user has a home of its own, and no rights in that of root.
        home = {"HOME": folder} if identity else {}
        environment = clean_environment(PYTHONDONTWRITEBYTECODE="1", **home)
        exit_limit_s = max(_EXIT_LIMIT_S, limit_s * _EXIT_SHARE)
        try:
            check: list[str | Path] = [mien, "run", "--config", copy, "--show-config"]
            run_child(check, f"use {config}", environment, limit_s=limit_s, identity=identity)
        except DeployError as error:
            # It is the file that the user knows.
            raise UnhealthyError(str(error).replace(str(copy), str(config))) from error
        options = ("--source", "demo", "--emit", "frame", "--sink", "jsonl:-", *_model_options(config, manifest))
        command: list[str | Path] = [mien, "run", *options]
        with (
            (path / "stderr").open("w+", encoding="utf-8", errors="replace") as stderr,
            _NotifySocket(path / "notify") as notify,
        ):
            if identity:
                identity.give(path / "notify")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
                env={**environment, "NOTIFY_SOCKET": str(path / "notify")},
                preexec_fn=die_with_parent,
                **(identity.as_options() if identity else {}),
            )
            try:
                finished, is_ready = _count_inferences(process, notify, frames, limit_s, manifest.needs_ready)
                is_enough = finished >= frames and (is_ready or not manifest.needs_ready)
                if is_enough:
                    process.send_signal(signal.SIGTERM)
                status = _wait_for_exit(process, exit_limit_s) if is_enough else process.poll()
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
            stderr.seek(0)
            reason = last_line(stderr.read(), status or 0)
    if not is_enough:
        end = f"ran out of time after {limit_s:.0f} s" if status is None else f"ended with status {status}"
        not_ready = "" if is_ready or not manifest.needs_ready else ", without becoming ready"
        raise UnhealthyError(f"the self-test {end}, with {finished} of {frames} inferences{not_ready}: {reason}")
    if status != 0:
        end = f"ended with status {status}" if status is not None else f"did not end within {exit_limit_s:.0f} s"
        raise UnhealthyError(f"the self-test {end} after SIGTERM: {reason}")


def _copy_readable(config: Path, folder: Path, identity: Identity | None) -> Path:
    """Copy the configuration into the folder of the self-test, so that only its user reads it; it may have secrets."""
    copy = folder / config.name
    try:
        content = config.read_bytes()
    except OSError as error:
        raise UnhealthyError(f"cannot read {config}: {error.strerror or error}") from error
    copy.touch(mode=0o600)
    copy.write_bytes(content)
    if identity:
        for path in (folder, copy):
            identity.give(path)
    return copy


class _NotifySocket:
    """The socket that stands in for systemd's: the daemon reports there that it is ready (sd_notify(3)).

    Written by hand: receiving one datagram needs no library, and none could be installed yet.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def reports_ready(self) -> bool:
        """Receive one message, and return whether it reports that the daemon is ready."""
        try:
            return b"READY=1" in self._socket.recv(4096).split(b"\n")
        except BlockingIOError:
            return False

    def __enter__(self) -> _NotifySocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _count_inferences(
    process: subprocess.Popen[bytes], notify: _NotifySocket, frames: int, limit_s: float, needs_ready: bool
) -> tuple[int, bool]:
    """Count finished inferences until there are enough, the daemon ends, or time runs out.

    Returns:
        Their number, and whether the daemon reported that it is ready.
    """
    deadline_s, finished, is_ready, rest = time.monotonic() + limit_s, 0, False, b""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(notify, selectors.EVENT_READ)
        while finished < frames or (needs_ready and not is_ready):
            remaining_s = deadline_s - time.monotonic()
            if remaining_s <= 0:
                break
            for key, _ in selector.select(remaining_s):
                if key.fileobj is notify:
                    is_ready = notify.reports_ready() or is_ready
                    continue
                chunk = process.stdout.read1(65536)  # type: ignore[attr-defined]
                if not chunk:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_EXIT_LIMIT_S)
                    return finished, is_ready
                *lines, rest = (rest + chunk).split(b"\n")
                finished += sum(map(_is_inference, lines))
    return finished, is_ready


def _is_inference(line: bytes) -> bool:
    try:
        event = json.loads(line)
        # A model that computes nonsense fails here: its probabilities do not sum to one.
        return bool(event["state"] == "frame" and abs(sum(event["emotions"].values()) - 1) < 0.05)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return False


def _wait_for_exit(process: subprocess.Popen[bytes], limit_s: float) -> int | None:
    """The exit status; None for a process that does not end. Its output is read, so that it never blocks on a pipe."""
    try:
        process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        return None
    return process.returncode


def _model_options(config: Path, manifest: Manifest) -> list[str]:
    """The options that choose models and threads: from the configuration, or else the bundle's default model."""
    try:
        table = tomllib.loads(config.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnhealthyError(f"cannot read {config}: {error}") from error
    options = ["--model", str(table.get("model", manifest.model))]
    for key in ("detector", "threads"):
        if key in table:
            options += [f"--{key}", str(table[key])]
    return options
