"""An emulated Raspberry Pi: Debian's arm64 programs under QEMU, with the board's own cpuinfo and no network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = Path(__file__).parent
#: Of the Pi 4 and of the Pi 5.
CORES = ("cortex-a72", "cortex-a76")
#: What a Raspberry Pi OS has of what mien needs.
PACKAGES = "base-files,coreutils,dash,openssl,python3,python3-venv,libstdc++6"
_MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"


def find(name, package):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name}: apt-get install {package}")
    return path


class Board:
    """A root that is kept between runs in build/arm64.

    Args:
        suite: of Debian, `bookworm` or `trixie`.
    """

    def __init__(self, suite):
        self._emulator = find("qemu-aarch64-static", "qemu-user-static")
        self.suite, self.root = suite, ROOT / "build" / "arm64" / suite
        ready = self.root.with_suffix(".packages")
        if not ready.exists() or ready.read_text() != PACKAGES:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            program = find("mmdebstrap", "mmdebstrap")
            # Unpacked and not set up: that would run their scripts, and a Python needs none of it.
            kind = ("--quiet", "--variant=extract", "--architectures=arm64", f"--hook-dir={_MERGED}")
            subprocess.run([program, *kind, f"--include={PACKAGES}", suite, self.root], check=True)
            ready.write_text(PACKAGES)
        shutil.rmtree(self.root / "opt", ignore_errors=True)
        (self.root / "opt").mkdir()
        # Whoever follows the guide is root here, whom Debian's root has no sudo for.
        sudo = self.root / "usr/local/bin/sudo"
        sudo.parent.mkdir(parents=True, exist_ok=True)
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
        done = self.run(CORES[0], "python3", "-c", "import platform; print(platform.machine())", check=False)
        if done.returncode:
            pytest.skip(f"no emulation here: {done.stderr.strip()}; expected Linux 6.7 or later, and qemu-user-static")
        assert done.stdout == "aarch64\n"

    @property
    def home(self):
        """The home folder, from outside."""
        return self.root / "root"

    def copy(self, *files):
        """Copy files into the home folder, as scp does."""
        self.home.mkdir(exist_ok=True)
        for path in files:
            shutil.copyfile(path, self.home / path.name)

    def follow(self, line):
        """What a line of the guide says, in the home folder of a board."""
        return self.run(CORES[0], "sh", "-c", f"cd && {line}").stdout

    def run(self, core, *command, check=True):
        """Run a command on one kind of core."""
        apart = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net")
        enter = ("sh", FOLDER / "enter.sh", self.root, FOLDER / "cpuinfo" / core)
        environment = {**os.environ, "MIEN_EMULATOR": self._emulator, "QEMU_CPU": core}
        done = subprocess.run(
            [str(part) for part in (*apart, *enter, *command)], capture_output=True, text=True, env=environment
        )
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done
