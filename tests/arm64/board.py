"""An emulated Raspberry Pi: Debian's arm64 programs under QEMU, with the cpuinfo of a board and without a network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = Path(__file__).parent
#: The processor cores of the Raspberry Pi 4 and 5.
CORES = ("cortex-a72", "cortex-a76")
#: The packages of Raspberry Pi OS that mien needs.
PACKAGES = "base-files,coreutils,dash,openssl,python3,python3-venv,libstdc++6"
_MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"


def find(name, package):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name}: apt-get install {package}")
    return path


class Board:
    """A root file system, which is kept in build/arm64 between runs.

    Args:
        suite: the Debian release, `bookworm` or `trixie`.
    """

    def __init__(self, suite):
        self._emulator = find("qemu-aarch64-static", "qemu-user-static")
        self.suite, self.root = suite, ROOT / "build" / "arm64" / suite
        ready = self.root.with_suffix(".packages")
        if not ready.exists() or ready.read_text() != PACKAGES:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            program = find("mmdebstrap", "mmdebstrap")
            # Unpacked without running the packages' scripts, which Python does not need.
            options = ("--quiet", "--variant=extract", "--architectures=arm64", f"--hook-dir={_MERGED}")
            subprocess.run([program, *options, f"--include={PACKAGES}", suite, self.root], check=True)
            ready.write_text(PACKAGES)
        # What an earlier run has left: releases, and files in the home folder.
        for folder in (self.root / "opt", self.home):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        # The tutorial's commands run as root here, and this root file system has no sudo.
        sudo = self.root / "usr/local/bin/sudo"
        sudo.parent.mkdir(parents=True, exist_ok=True)
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
        done = self.run(CORES[0], "python3", "-c", "import platform; print(platform.machine())", check=False)
        if done.returncode:
            pytest.skip(
                f"cannot emulate arm64: {done.stderr.strip()}; expected Linux 6.7 or later, and qemu-user-static"
            )
        assert done.stdout == "aarch64\n"

    @property
    def home(self):
        """The home folder, as a path on this machine."""
        return self.root / "root"

    def copy(self, *files):
        """Copy files into the home folder, as scp does."""
        self.home.mkdir(exist_ok=True)
        for path in files:
            shutil.copyfile(path, self.home / path.name)

    def follow(self, line):
        """Run a line of the tutorial in the home folder, and return its output."""
        return self.run(CORES[0], "sh", "-c", f"cd && {line}").stdout

    def try_release(self, line):
        """Do the same with a line that installs or rolls back, and leave the self-test more time: this is emulated."""
        return self.follow(f"{line.partition('#')[0].strip()} --limit 1200")

    def run(self, core, *command, check=True):
        """Run a command on one type of core."""
        isolated = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net")
        enter = ("sh", FOLDER / "enter.sh", self.root, FOLDER / "cpuinfo" / core)
        environment = {**os.environ, "MIEN_EMULATOR": self._emulator, "QEMU_CPU": core}
        done = subprocess.run(
            [str(part) for part in (*isolated, *enter, *command)], capture_output=True, text=True, env=environment
        )
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done
