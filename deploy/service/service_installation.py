"""Writes a prepared service and starts it; if anything fails, everything is as it was before."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from deploy.device.atomic_io import fixed_umask
from deploy.device.lock import exclusive_lock
from deploy.service.file_changes import FileChanges
from deploy.service.preparation import ServicePlan
from deploy.service.service_files import ServiceFiles
from deploy.service.systemctl import Systemd
from edge.errors import DeployError


@fixed_umask()
def install_service(
    plan: ServicePlan, files: ServiceFiles, systemd: Systemd, report: Callable[[str], None], *, starts: bool = True
) -> None:
    """Write what was prepared, and start the service.

    Args:
        plan: what to write.
        files: where.
        systemd: starts the service.
        report: called with a line about what is waited for.
        starts: whether to enable and start it.

    Raises:
        DeployError: it does not start. Nothing that was written is left, and a service that ran before runs again.
        OSError: a file cannot be written; likewise.
    """
    with exclusive_lock(files.root / "run" / "mien-service.lock"), _interrupted_by_signals():
        before = systemd.state() if files.unit.is_file() else (False, False)
        changes = FileChanges()
        try:
            _write(plan, files, changes)
            systemd.reload_units()
            if starts:
                report("starting; ready once its first frame is processed. Ctrl-C undoes the installation")
                systemd.start(report)
        except BaseException:
            with _undisturbed():
                _undo(changes, systemd, before)
            raise


def _write(plan: ServicePlan, files: ServiceFiles, changes: FileChanges) -> None:
    # What systemd creates when it starts the service.
    for folder in files.data:
        changes.expect(folder)
    if plan.config is not None:
        changes.write(files.config, plan.config)
    if plan.credentials:
        changes.make_folder(files.credentials.parent)
        changes.make_folder(files.credentials, 0o700)
        for name, content in plan.credentials.items():
            changes.write(files.credentials / name, content, 0o600)
    if plan.weights:
        cache = files.cache
        # As systemd makes it: its users differ from start to start, and none may reach what another one has left.
        changes.make_folder(cache.parent, 0o700)
        changes.make_folder(cache)
        for name, content in plan.weights.items():
            changes.write_among_others(cache, name, content)
    # The unit comes last: without it, nothing of the above has an effect.
    changes.write(files.unit, plan.unit)


def _undo(changes: FileChanges, systemd: Systemd, before: tuple[bool, bool]) -> None:
    was_enabled, was_active = before
    with suppress(DeployError):
        systemd.stop()
    changes.undo()
    with suppress(DeployError):
        systemd.reload_units()
        systemd.restore(was_enabled, was_active)


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Undo also where the terminal is closed or the process is asked to end, as on Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back the signals that would end the process, until the block is over."""
    held = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
