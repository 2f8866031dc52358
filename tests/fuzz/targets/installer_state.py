"""What an installer keeps on a device: the history, the records of files and of a probation, and manifests."""

import json
from pathlib import Path

from deploy.device.history import History, activated_versions
from deploy.device.install_status import as_text, read_status
from deploy.device.installed_files import RECORD, find_damage, record_files
from deploy.device.probation import ProbationFile
from deploy.device.release_store import ReleaseStore
from tests.fuzz.target import CORPUS, Target


class _Store(Target):
    """A store with one release; each subclass damages one of its files."""

    kind = "json"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = ReleaseStore(folder / "mien")
        self.store.create()
        self.release = self.store.release("1.0")
        (self.release / "config").mkdir(parents=True)
        (self.release / "config" / "mien.toml").write_bytes(b'source = "demo"\n')
        (self.release / "link").symlink_to("config/mien.toml")
        (self.release / "manifest.json").write_bytes((CORPUS / "manifest" / "small.json").read_bytes())
        record_files(self.release)
        self.store.switch("1.0")

    def _read_all(self) -> None:
        status = read_status(self.store)
        json.dumps(status)
        as_text(status).encode("utf-8", "backslashreplace")


class InstallHistory(_Store):
    """The history, and the newest version."""

    name = "history"
    kind = "lines"
    tokens = (
        b'"outcome": "activated"',
        b'"outcome": "started"',
        b'"version": "1.0"',
        b"{}",
        b"[]",
        b"null",
        b'"\\ud800"',
        b"1.0+1\n",
    )

    def run(self, data: bytes) -> None:
        self.store.state.joinpath("history.jsonl").write_bytes(data)
        self.store.state.joinpath("newest").write_bytes(data[:100])
        self._read_all()
        activated_versions(History(self.store.state).read())
        self.store.floor()
        self.store.raise_floor("2.0")


class ProbationRecord(_Store):
    """The record of a probation, read by `status` and by what watches the release."""

    name = "probation"
    tokens = (b'"version": "1.0"', b"Infinity", b"NaN", b"1e999", b"-1", b"null", b'"\\ud800"')

    def run(self, data: bytes) -> None:
        record = ProbationFile(self.store.state)
        record.path.write_bytes(data)
        self._read_all()
        probation = record.read()
        if probation is not None:
            record.write(probation.advance({"ActiveState": "active", "NRestarts": "0"}, "now", 1.0))


class InstalledRecord(_Store):
    """The record of the files of a release."""

    name = "installed-files"

    def run(self, data: bytes) -> None:
        (self.release / RECORD).write_bytes(data)
        damage = find_damage(self.release)
        assert damage is None or "\n" not in damage, damage


class ReleaseManifest(_Store):
    """The manifest of an installed release."""

    name = "release"

    def run(self, data: bytes) -> None:
        (self.release / "manifest.json").write_bytes(data)
        self._read_all()
        find_damage(self.release)
        self.store.manifest("1.0")

    def seeds(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((CORPUS / "manifest").iterdir())]
