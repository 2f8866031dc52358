"""Where the users begin: a fresh clone of the checkout, and environments that the pages' own commands make in it."""

import io
import os
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PORTRAIT, ROOT
from tests.deploy.conftest import BARE_PYTHON
from tests.deploy.made_release import Workshop
from tests.deploy.sshd import Network
from tests.edge.mosquitto import Mosquitto, find, free_port
from tests.made_data import write_csv, write_folder
from tests.train.data.test_download import PORT, Answers, Kaggle
from tests.walks import developer, home_assistant, student
from tests.walks.shell import Shell
from tests.walks.steps import follow

#: Of the bundle that is installed on a machine of the test: as this one is.
_TARGET = {(3, 11): "bookworm", (3, 13): "trixie"}


@pytest.fixture(scope="session")
def desk(tmp_path_factory) -> Iterator[Path]:
    """A folder with `mien`, a clone of the checkout with what is not committed yet, and nothing built."""
    if not os.environ.get("MIEN_WALKS"):
        pytest.skip("installs mien as the pages state it: run  make test-walks")
    folder = tmp_path_factory.mktemp("desk")
    _clone(folder / "mien")
    yield folder
    # Gigabytes, which pytest would keep of three runs.
    shutil.rmtree(folder, ignore_errors=True)


def _clone(to: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", ROOT, to], check=True)
    changed = ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    listed = subprocess.run(changed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (to / name).unlink(missing_ok=True)
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)


@pytest.fixture(scope="session")
def newcomer(desk) -> Shell:
    """A user who has followed the README in the clone, as everybody does who has a board."""
    shell = Shell(desk / "mien", MIEN_CACHE=desk / "cache")
    shell.names |= {"portrait": str(PORTRAIT), "preview_port": free_port(), "desk": desk}
    follow("README.md", developer.README, shell)
    return shell


@pytest.fixture(scope="session")
def workstation(desk, newcomer, tmp_path_factory) -> Iterator[Shell]:
    """The same user after the lesson on the Pi: with a signed bundle, and a Pi on which it is installed."""
    network = _network(tmp_path_factory.mktemp("hall"), ["hall.local"])
    newcomer.names |= {"ssh": network.config, "target": f"--target {_target()} --arch {platform.machine()}"}
    # The update is made when the lesson has made the key.
    newcomer.names["update"] = _Late(lambda: _stand_in(desk / "mien", tmp_path_factory.mktemp("update"), "2.0"))
    follow("docs/tutorial/pi-in-an-evening.md", home_assistant.TUTORIAL, newcomer)
    yield newcomer
    network.close()


class _Late:
    """A name whose value is made when it is used."""

    def __init__(self, make):
        self._make = make

    def __format__(self, _):
        return str(self._make())


def _target() -> str:
    if sys.version_info[:2] not in _TARGET:
        pytest.skip("no bundle is for this version of Python")
    return _TARGET[sys.version_info[:2]]


def _network(folder: Path, names: list[str]) -> Network:
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(Path(BARE_PYTHON).resolve())
    return Network(folder, names, folder / "bin")


def _stand_in(checkout: Path, folder: Path, version: str) -> Path:
    """A bundle of a stand-in for mien, signed by the key `fleet` of a checkout."""
    return Workshop(folder, checkout / "fleet", deploy_by=(BARE_PYTHON, str(folder / "install.py"))).bundle(version)


@pytest.fixture
def broker(tmp_path) -> Iterator[Mosquitto]:
    """A broker that asks for a user and a password, as Home Assistant's does."""
    passwords = tmp_path / "passwords"
    subprocess.run([find("mosquitto_passwd"), "-b", "-c", passwords, "user", "password"], check=True)
    broker = Mosquitto(tmp_path, ("allow_anonymous false", f"password_file {passwords}"))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def trained(desk) -> Iterator[Shell]:
    """A user who has followed the lesson on training, in a folder and an environment of their own."""
    folder = desk / "student"
    credentials = {"KAGGLE_API_ENVIRONMENT": "TEST", "KAGGLE_API_TOKEN": "mine", "NO_PROXY": "localhost"}
    shell = Shell(folder, MIEN_CACHE=desk / "cache", KAGGLEHUB_CACHE=desk / "kaggle", **credentials)
    shell.names["checkout"] = desk / "mien"
    # FER-2013 may not be redistributed: drawn faces in its layout, and a stand-in for Kaggle that has some.
    write_csv(folder / "fer2013.csv", training=630, public_test=140)
    pictures, archive = write_folder(desk / "pictures", 2), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(pictures.rglob("*.png")):
            file.write(path, path.relative_to(pictures))
    with Kaggle(("localhost", PORT), Answers) as server:
        server.content, server.token = archive.getvalue(), "mine"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        follow("docs/tutorial/train-and-compare.md", student.LESSON, shell)
        server.shutdown()
        thread.join()
    return shell


@pytest.fixture(scope="session")
def fleet(desk, workstation, tmp_path_factory) -> Iterator[Shell]:
    """An operator in a checkout of their own, with the environment of the lesson on the Pi, and three devices."""
    folder = tmp_path_factory.mktemp("fleet")
    _clone(desk / "operator")
    shell = Shell(desk / "operator", MIEN_CACHE=desk / "cache")
    shell.run(f". {desk}/mien/.venv/bin/activate")
    network = _network(folder, ["porch", "hall", "attic"])
    options = f"--ssh-config {network.config} --prefix mien"
    shell.names |= {
        "ssh": network.config, "ssh_options": f"{options} --frames 5 --limit 20", "machine": platform.machine(),
        "first": _Late(lambda: _stand_in(desk / "operator", folder, "1.0")),
        "second": _Late(lambda: _stand_in(desk / "operator", folder, "2.0")),
    }  # fmt: skip
    (desk / "operator" / "devices.txt").write_text("porch\nhall  # by the door\nattic\n")
    yield shell
    network.close()
