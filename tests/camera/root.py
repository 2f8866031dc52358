"""A Debian root file system with picamera2's packages and an installed bundle: what any camera stack begins with."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.build.targets import TARGETS
from tests.camera.stand_ins import FOLDER, SHIM, VARIABLE
from tests.conftest import ROOT, run_mien

HERE = Path(__file__).parent
MIEN, PYTHON = "/opt/mien/current/venv/bin/mien", "/opt/mien/current/venv/bin/python"
#: Long enough for any machine; nothing waits for it unless it fails.
DEADLINE_S = 120.0
_PIP = ("--break-system-packages", "--no-index", "--no-deps", "--no-build-isolation", "--root-user-action=ignore")


class Root:
    """The root file system, which is kept in build/camera between runs.

    Args:
        suite: the Debian release.
        packages: Debian's packages, besides those that a bundle needs.
        folder: for what is made: keys, the installer, the bundle.
    """

    def __init__(self, suite, packages, folder):
        for name, package in (("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux")):
            if shutil.which(name) is None:
                pytest.skip(f"no {name}: apt-get install {package}")
        if os.geteuid():
            pytest.skip("to make and enter a root file system requires root: sudo make test-camera")
        if os.uname().machine != "x86_64":
            pytest.skip(f"this machine is {os.uname().machine}: expected x86_64")
        self.suite, self.root = suite, ROOT / "build" / "camera" / suite
        self._python = TARGETS[suite].python
        self.packages = self.root / f"usr/local/lib/python{self._python}/dist-packages"
        self._make(("openssl", "procps", "python3", "python3-venv", "python3-numpy", "python3-pip", *packages))
        self._install_bundle(folder)

    def _make(self, packages):
        lock = HERE / f"{self.suite}.lock"
        ready = self.root.with_suffix(".ready")
        expected = hashlib.sha256(",".join(packages).encode() + lock.read_bytes()).hexdigest()
        if ready.exists() and ready.read_text() == expected:
            return
        ready.unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.parent.mkdir(parents=True, exist_ok=True)
        options = ("--quiet", "--mode=root", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"')
        include = f"--include={','.join(packages)}"
        subprocess.run(["mmdebstrap", *options, include, self.suite, self.root], check=True)
        wheels = self.root / "root" / "wheels"
        wheels.mkdir()
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps")
        options = ("--python-version", self._python, "--dest", wheels, "--require-hashes", "--requirement", lock)
        subprocess.run([*pip, *options], check=True)
        # Wheels, and what is compiled.
        self.run("sh", "-c", f"python3 -m pip install --quiet {' '.join(_PIP)} /root/wheels/*")
        ready.write_text(expected)

    def _install_bundle(self, folder):
        for name in ("opt/mien", "etc/mien", "root/inbox", "root/.cache"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        target = ("--target", self.suite, "--arch", "x86_64")
        for arguments in (
            ("keygen", "--out", folder / "key"),
            ("installer", "--out", folder / "install.py"),
            ("bundle", *target, "--key", folder / "key", "--version", "1.0", "--out", folder / "bundle"),
        ):
            done = run_mien("deploy", *arguments)
            assert done.code == 0, done.err
        inbox = self.root / "root" / "inbox"
        inbox.mkdir()
        for name in ("key.pub", "install.py", "bundle"):
            shutil.copy(folder / name, inbox)
        done = self.run("sh", "-c", "cd /root/inbox && python3 install.py bundle --pubkey key.pub --limit 300")
        assert "1.0 is the current release" in done.stdout + done.stderr

    def command(self, *command, shim=True, stand_ins=FOLDER):
        """The command line that runs a command in the root file system."""
        variables = [f"LD_PRELOAD={SHIM}"] * shim + [f"{VARIABLE}={stand_ins}"] * bool(stand_ins)
        enter = ("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", HERE / "enter.sh", self.root)
        return [str(part) for part in (*enter, *variables, *command)]

    def run(self, *command, **stand_ins):
        """Run a command without the stand-ins to its end, which shall be a success."""
        done = subprocess.run(
            self.command(*command, shim=False, stand_ins=False, **stand_ins),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    def mien(self, *arguments, **stand_ins):
        """Run `mien` to its end."""
        command = self.command(MIEN, *arguments, **stand_ins)
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
