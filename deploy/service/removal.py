"""Takes the service away, with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.device.lock import exclusive_lock
from deploy.service.file_changes import remove
from deploy.service.service_files import ServiceFiles
from deploy.service.systemctl import Systemd
from edge.errors import DeployError


def existing_files(files: ServiceFiles, keeps_config: bool) -> list[Path]:
    """What there is to remove: unit, drop-ins, what the service has written, and configuration and secrets.

    Args:
        files: of the service.
        keeps_config: whether configuration and secrets stay.
    """
    paths = (files.unit, files.drop_ins, *files.data, *(() if keeps_config else (files.settings,)))
    # A link to nothing exists, too.
    return [path for path in paths if path.is_symlink() or path.exists()]


def uninstall_service(files: ServiceFiles, systemd: Systemd, keeps_config: bool) -> Iterator[Path]:
    """Stop and disable the service, and remove its files; yield each that was removed.

    Doing it again removes what is left, if anything.

    Args:
        files: of the service.
        systemd: stops the service.
        keeps_config: whether configuration and secrets stay.

    Raises:
        DeployError: a file cannot be removed.
    """
    with exclusive_lock(files.root / "run" / "mien-service.lock"):
        systemd.stop()
        for path in existing_files(files, keeps_config):
            try:
                if remove(path):
                    yield path
            except OSError as error:
                raise DeployError(f"cannot remove {path}: {error.strerror or error}") from error
        systemd.reload_units()
