"""Debian Bookworm in a container that systemd boots; a script runs in it once it is up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = Path(__file__).parent
PACKAGES = "systemd,systemd-sysv,dbus,openssl,python3,python3-venv,procps"
#: A unit that runs the script; if the script hangs, the system ends, and what has been printed shows where.
_SCENARIO = """[Unit]
After=basic.target
[Service]
Type=idle
ExecStart=/bin/bash /opt/inbox/{script}
RuntimeMaxSec=900
ExecStopPost=/bin/systemctl poweroff
[Install]
WantedBy=multi-user.target
"""
#: What a script prints last, into /opt/inbox/output.
_LAST_LINE = "the scenario is over\n"
#: The exit status with which systemd-nspawn asks to be started again.
_REBOOT = 133


class Container:
    """A system without any trace of mien. Its files stay in build/booted, because Debian takes a minute to unpack."""

    def __init__(self) -> None:
        for name, package in (("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap")):
            if shutil.which(name) is None:
                pytest.skip(f"no {name}: apt-get install {package}")
        if os.geteuid():
            pytest.skip("booting a system requires root: sudo make test-booted")
        self._root = ROOT / "build" / "booted" / "bookworm"
        self.inbox = self._root / "opt" / "inbox"
        if not self._root.with_suffix(".ready").exists():
            shutil.rmtree(self._root, ignore_errors=True)
            self._root.parent.mkdir(parents=True, exist_ok=True)
            options = ("--quiet", "--variant=minbase", f"--include={PACKAGES}")
            subprocess.run(["mmdebstrap", *options, "bookworm", self._root], check=True)
            self._root.with_suffix(".ready").touch()
        units = "etc/systemd/system"
        for name in (
            *("opt", "etc/mien", "var/log/journal", f"{units}/mien.service.d", "srv/mien-venv", "root/.cache"),
            *("var/lib/private/mien", "var/cache/private/mien"),
        ):
            shutil.rmtree(self._root / name, ignore_errors=True)
        for name in (
            *(f"{units}/{wants}mien{unit}.service" for wants in ("", "multi-user.target.wants/")
              for unit in ("", "-probation")),
            *("var/lib/mien", "var/cache/mien"),
        ):  # fmt: skip
            (self._root / name).unlink(missing_ok=True)
        self.inbox.mkdir(parents=True)

    def run(self, script: str, folder: Path) -> str:
        """Boot, run a script of this folder from /opt/inbox, and return what it has printed.

        Args:
            script: its name; its output goes to /opt/inbox/output, and it ends by switching the system off.
            folder: for the console's output.
        """
        for path in (*FOLDER.glob("*.sh"), FOLDER / "terminal.py"):
            shutil.copy(path, self.inbox)
        units = self._root / "etc/systemd/system"
        (units / "scenario.service").write_text(_SCENARIO.format(script=script))
        (units / "multi-user.target.wants").mkdir(exist_ok=True)
        link = units / "multi-user.target.wants" / "scenario.service"
        link.unlink(missing_ok=True)
        link.symlink_to("../scenario.service")
        # There is no network, so nothing can be downloaded.
        command = ["systemd-nspawn", "--quiet", f"--directory={self._root}", "--register=no", "--keep-unit"]
        command += ["--private-network", "--boot"]
        console, output, status = folder / "console", self.inbox / "output", _REBOOT
        try:
            with console.open("wb") as stream:
                while status == _REBOOT:
                    status = subprocess.run(
                        command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, timeout=1200
                    ).returncode
            ending = "the system has ended"
        except subprocess.TimeoutExpired:
            ending = "the system did not end within 20 minutes"
        text = output.read_text() if output.exists() else ""
        assert text.endswith(_LAST_LINE), "\n".join(
            (ending, "its console:", console.read_text(errors="replace")[-2000:], "the script's output:", text[-4000:])
        )
        return text
