"""Podman with a storage of its own, and Debian in place of the base image that a registry would give."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: Stands in for python:3.13-slim-trixie, which is Debian Trixie with a Python 3.13 of its own: the same C library and
#: the same version of Python.
SUITE, PACKAGES = "trixie", "python3,python3-venv,ca-certificates"
#: Where a registry is reached, this may name the base itself.
BASE = os.environ.get("MIEN_BASE_IMAGE")
IMAGE = "localhost/mien"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
#: The limits of compose.yml, for containers that it does not start.
LOCKED_DOWN = (
    "--read-only", "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=64m", "--cap-drop=ALL",
    "--security-opt=no-new-privileges", "--memory=400m", "--memory-swap=400m", "--pids-limit=128", "--network=none",
)  # fmt: skip


class Engine:
    """Builds and runs images; a context manager that removes its containers and volumes at the end.

    The layers of images stay in build/packages, so that only the first run installs what the locks name.

    Args:
        folder: for its settings.
    """

    def __init__(self, folder):
        programs = [("podman", "podman"), ("runc", "runc"), *(() if BASE else [("mmdebstrap", "mmdebstrap")])]
        for name, package in programs:
            if shutil.which(name) is None:
                pytest.skip(f"no {name}: apt-get install {package}")
        if os.geteuid():
            pytest.skip("the limits of a container require root: sudo make test-packages")
        self._folder = ROOT / "build" / "packages"
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "containers.conf"
        # runc runs in every mode of control groups. Without these limits, podman sets some that a container in which
        # the tests themselves may run cannot raise.
        limits = [f"{name}={soft}:{hard}" for name, (soft, hard) in self.limits().items()]
        settings.write_text(f'[engine]\nruntime = "runc"\n[containers]\ndefault_ulimits = {json.dumps(limits)}\n')
        # Both for good: podman's database keeps them, whatever later settings are.
        storage = folder / "storage.conf"
        places = f'graphroot = "{self._folder / "storage"}"\nrunroot = "{self._folder / "run"}"\n'
        storage.write_text(f'[storage]\ndriver = "overlay"\n{places}')
        self.environment = {
            **os.environ, "CONTAINERS_CONF": str(settings), "CONTAINERS_STORAGE_CONF": str(storage),
        }  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.podman("rm", "--all", "--force", "--time=5", check=False)
        self.podman("volume", "prune", "--force", check=False)

    @staticmethod
    def limits():
        """The numbers of open files and processes that this machine allows: for each the soft and the hard limit."""
        found = {
            "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
            "nproc": resource.getrlimit(resource.RLIMIT_NPROC),
        }
        return {
            name: [1024 if n == resource.RLIM_INFINITY else min(n, 4096) for n in pair] for name, pair in found.items()
        }

    def podman(self, *arguments, check=True, timeout=600):
        """Run podman, and return what it did."""
        done = subprocess.run(
            ["podman", *map(str, arguments)], capture_output=True, text=True, env=self.environment, timeout=timeout
        )
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done

    def build(self, checkout, **arguments):
        """Build the image from a checkout.

        Args:
            checkout: its folder.
            arguments: of the Containerfile.
        """
        options = [f"--build-arg={key}={value}" for key, value in {"BASE": self._base(), **arguments}.items()]
        # The network of the machine, and the authorities that it trusts.
        options += [f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro"] if _CERTIFICATES.is_file() else []
        self.podman(
            "build", "--quiet", "--layers", "--network=host", *options, f"--tag={IMAGE}", checkout, timeout=1200
        )

    def run(self, *command, options=(), check=True):
        """Run a command of the image in a container that is locked down, and return what it did."""
        return self.podman("run", "--rm", *LOCKED_DOWN, *options, IMAGE, *command, check=check)

    def _base(self):
        if BASE:
            return BASE
        name = f"localhost/python-{SUITE}"
        if self.podman("image", "exists", name, check=False).returncode:
            options = ("--quiet", "--variant=minbase", f"--include={PACKAGES}")
            with subprocess.Popen(["mmdebstrap", *options, SUITE, "-"], stdout=subprocess.PIPE) as debian:
                command = ["podman", "import", "--quiet", "-", name]
                subprocess.run(command, check=True, stdin=debian.stdout, env=self.environment)
            assert debian.returncode == 0
        return name
