import os
import shutil
import subprocess
import sys

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
    pytest.importorskip("build", reason="no build: make install-train")

    def build(source, folder, *options):
        command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", folder, source]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    both, alone = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("wheel")
    build(checkout, both)
    build(checkout, alone, "--wheel")
    (sdist,), (wheel,), (from_checkout,) = both.glob("*.tar.gz"), both.glob("*.whl"), alone.glob("*.whl")
    return sdist, wheel, from_checkout


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Podman, with images and containers of its own."""
    with Engine(tmp_path_factory.mktemp("engine")) as podman:
        yield podman


def tracked():
    """The names of the files that git tracks, and that are there."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
