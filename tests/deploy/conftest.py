import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.build.signing_keys import generate_keys
from deploy.device.command_line import main
from tests.conftest import Outcome
from tests.deploy.made_release import Workshop

#: The Python of the system, without the packages of this environment.
BARE_PYTHON = sys._base_executable


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    folder = tmp_path_factory.mktemp("workshop")
    generate_keys(folder / "key")
    return Workshop(folder, folder / "key", has_real_pip=bool(os.environ.get("MIEN_DEPLOY_LONG")))


class Device:
    """A device as the installer sees it: a folder to install into."""

    def __init__(self, workshop: Workshop, prefix: Path) -> None:
        self.workshop, self.prefix = workshop, prefix

    def command(self, *arguments: object) -> list[str]:
        return [BARE_PYTHON, "-I", str(self.workshop.installer), *map(str, arguments), "--prefix", str(self.prefix)]

    def run_installer(self, *arguments: object) -> Outcome:
        """Run the installer as a device does: one file, by a Python without packages."""
        # Neither the checkout nor the environment's packages can be imported.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env=clean, timeout=200)
        return Outcome.of(done)

    def run(self, *arguments: object) -> Outcome:
        """Run the same command in this process, which takes a fraction of the time."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*map(str, arguments), "--prefix", str(self.prefix)])
        return Outcome(status, out.getvalue(), err.getvalue())

    def install(self, bundle: Path, *more: object) -> Outcome:
        key = ("--pubkey", self.workshop.pubkey)
        return self.run("install", bundle, *key, "--frames", 5, "--limit", 20, *more)

    def current(self) -> str | None:
        link = self.prefix / "current"
        return link.readlink().name if link.is_symlink() else None

    def releases(self) -> list[str]:
        return sorted(path.name for path in (self.prefix / "releases").iterdir())

    def version(self) -> str:
        """The output of the current release's `mien --version`."""
        command = [self.prefix / "current" / "venv" / "bin" / "mien", "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def device(workshop, tmp_path) -> Device:
    return Device(workshop, tmp_path / "opt" / "mien")


@pytest.fixture
def long_checks() -> None:
    if not os.environ.get("MIEN_DEPLOY_LONG"):
        pytest.skip("a long check: run  make test-deploy")
