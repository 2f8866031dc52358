"""The unit that watches a release on probation. It is there for that time only."""

from __future__ import annotations

from pathlib import Path

from deploy.device.atomic_io import sync_path, write_file
from deploy.device.probation import ProbationFile
from deploy.device.release_store import ReleaseStore
from deploy.device.service import systemctl

_NAME = "mien-probation.service"
#: Neither of the two releases is needed to watch them: the installer's own modules are kept beside the record.
_WATCHER = "watch.py"
_UNIT = """# Written by an installation of mien; it is removed when the probation is over.
[Unit]
Description=mien, probation of a new release
ConditionPathExists={record}

[Service]
ExecStart={python} -I {watcher} probation --prefix {prefix}
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
"""


class ProbationUnit:
    """Writes, starts and removes the unit.

    Args:
        store: where mien is installed.
        root: of the file system; another one in tests.
    """

    def __init__(self, store: ReleaseStore, root: Path = Path("/")) -> None:
        self._store, self._unit = store, root / "etc/systemd/system" / _NAME

    def prepare(self, python: Path, watcher: bytes) -> None:
        """Write the unit, and have systemd start it with the device; it waits for the record of a probation.

        Args:
            python: the interpreter; a system's own, which no release brings.
            watcher: source of the installer, with the command `probation`.
        """
        path, record = self._store.state / _WATCHER, ProbationFile(self._store.state).path
        write_file(path, watcher, 0o600)
        unit = _UNIT.format(record=record, python=python, watcher=path, prefix=self._store.path)
        write_file(self._unit, unit.encode())
        systemctl("daemon-reload")
        systemctl("enable", _NAME)

    def start(self) -> None:
        """Start to watch; a unit that watches already begins anew."""
        systemctl("restart", "--no-block", _NAME)

    def stop(self) -> None:
        """Stop watching, so that nothing acts on a record, or removes one, that is about to be replaced."""
        systemctl("stop", _NAME)

    def remove(self) -> None:
        """Remove what `prepare` has written. The process that watches may call it about itself."""
        if self._unit.exists():
            systemctl("disable", _NAME)
            self._unit.unlink(missing_ok=True)
            sync_path(self._unit.parent)
            systemctl("daemon-reload")
        (self._store.state / _WATCHER).unlink(missing_ok=True)
