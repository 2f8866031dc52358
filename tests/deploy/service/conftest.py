"""A machine with a root of its own, and stand-ins for systemctl and journalctl."""

import os
import signal
import sys
from pathlib import Path

import pytest

from deploy.cli import service_install, service_questions, service_status, service_uninstall
from deploy.service import own_environment
from deploy.service.own_environment import OwnEnvironment
from deploy.service.service_files import ServiceFiles
from deploy.service.systemctl import Systemd

#: Starting makes the folders that systemd makes, and ends in the state that the file `outcome` names.
_SYSTEMCTL = """#!/bin/sh
echo "$*" >> {log}
case "$1" in
  restart)
    mkdir -p {root}/var/lib/private/mien {root}/var/cache/private/mien
    ln -sfn private/mien {root}/var/lib/mien
    cp {outcome} {state} ;;
  stop) echo inactive > {state} ;;
  is-enabled|is-active) exit {was} ;;
  show)
    if [ "$(cat {pending})" -gt 0 ]; then echo $(($(cat {pending}) - 1)) > {pending}; echo Job=42; fi
    echo LoadState=loaded; echo ActiveState=$(cat {state}); echo Result=exit-code
    echo InvocationID=$(grep -c restart {log})
    echo StatusText=demo: 30.0 frames per second; echo UnitFileState=enabled; echo NRestarts=2
    echo StateChangeTimestampMonotonic=1000000 ;;
  daemon-reload) exit $(cat {reload}) ;;
esac
"""


class Machine:
    """A board that systemd has booted, as `mien service` sees it."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        self.root, self._folder = folder / "root", folder
        (self.root / "run/systemd/system").mkdir(parents=True)
        for name in ("etc/systemd/system", "var/lib/private", "var/cache/private"):
            (self.root / name).mkdir(parents=True)
        self.files, self.systemd, self.lines = ServiceFiles(self.root), Systemd(), []
        (folder / "bin").mkdir()
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        self.set_outcome("active")
        (folder / "state").write_text("inactive\n")
        self._program("journalctl", 'case "$*" in *--sync*) ;; *) cat ' + f"{folder / 'journal'} ;; esac\n")
        (folder / "journal").write_text("")
        # A virtual environment with a stand-in for mien.
        self._program("mien", "exit 0\n")
        self.environment = OwnEnvironment(folder / "bin" / "mien", Path(sys.executable), ())
        self.monkeypatch = monkeypatch
        for module in (service_install, service_uninstall, service_status):
            monkeypatch.setattr(module, "ServiceFiles", lambda: self.files)
        monkeypatch.setattr(OwnEnvironment, "current", classmethod(lambda cls: self.environment))
        monkeypatch.setattr(own_environment, "unprivileged", lambda: None)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(service_install, "first_camera", lambda: None)

    def set_outcome(
        self, state: str, journal: str = "", was_running: bool = False, reload: int = 0, pending: int = 0
    ) -> None:
        """How a start ends, what the service writes to the journal, whether it ran before, and how long it takes."""
        names = {name: self._folder / name for name in ("log", "outcome", "state", "reload", "pending")}
        names["pending"].write_text(f"{pending}\n")
        names["outcome"].write_text(f"{state}\n")
        names["reload"].write_text(f"{reload}\n")
        (self._folder / "journal").write_text(journal)
        self._program("systemctl", _SYSTEMCTL.format(**names, root=self.root, was=0 if was_running else 1))

    def answer(self, *answers: str) -> None:
        """Have somebody sit at a terminal and type these lines."""
        self.monkeypatch.setattr(service_questions, "can_ask", lambda: True)
        self.monkeypatch.setattr(service_uninstall, "can_ask", lambda: True)
        self._answers = "".join(f"{line}\n" for line in answers)
        replies = iter(answers)

        def reply(*_: object, **__: object) -> str:
            text = next(replies)
            if text == "^C":
                raise KeyboardInterrupt
            return text

        self.monkeypatch.setattr("click.termui.visible_prompt_func", reply)
        self.monkeypatch.setattr("click.termui.hidden_prompt_func", reply)

    def commands(self) -> list[str]:
        """What systemctl was asked to do since the last call, without questions about the state."""
        log = self._folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(("show", "is-"))]

    def tree(self) -> list[str]:
        """All files and folders, except the lock."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.suffix != ".lock")

    def _program(self, name: str, text: str) -> None:
        path = self._folder / "bin" / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    yield Machine(tmp_path, monkeypatch)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
