import os
import shutil
import subprocess
import sys
import tarfile

import pytest

from tests.conftest import ROOT
from tests.packages.engine import Engine

# Only `make test-packages` runs this one: it requires root, makes a system, and downloads what the locks name.
collect_ignore = [] if os.environ.get("MIEN_PACKAGES") else ["test_image.py"]
#: What git does not track and must not be published: where an operator may keep it.
PRIVATE = (
    "deploy/ansible/devices.ini", "deploy/ansible/group_vars/all/vault.yml", "deploy/ansible/.vault_pass",
    "deploy/containers/secrets/preview-token", "deploy/fleet/secrets/metrics-token", "deploy/keys/fleet",
    "deploy/fleet.key", "tests/fleet.pem", "train/fer2013.csv", "edge/__pycache__/errors.cpython-311.pyc",
)  # fmt: skip


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A copy of what git tracks, as a repository of its own, with an operator's files beside it."""
    folder = tmp_path_factory.mktemp("checkout") / "mien"
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for name in PRIVATE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    return folder


@pytest.fixture(scope="session")
def distributions(checkout, tmp_path_factory):
    """The sdist, the wheel that is built from it, and the wheel that is built from the checkout."""
    pytest.importorskip("hatch_fancy_pypi_readme", reason="no hatchling: make install-train")

    def build(source, kind):
        """What the build backend makes, called as a frontend such as pip calls it."""
        folder = tmp_path_factory.mktemp(kind)
        command = [sys.executable, "-P", "-m", "hatchling", "build", "--target", kind, "--directory", folder]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        (made,) = folder.iterdir()
        return made

    sdist = build(checkout, "sdist")
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return sdist, build(source, "wheel"), build(checkout, "wheel")


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Podman, with images and containers of its own."""
    with Engine(tmp_path_factory.mktemp("engine")) as podman:
        yield podman


def tracked():
    """The names of the files that git tracks, and that are there."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
