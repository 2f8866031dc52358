import os

import pytest

from tests.arm64.board import Board
from tests.conftest import run_mien
from tests.deploy import made_release
from tests.deploy.made_release import WITH_DEPLOY, Workshop

# Only `make test-arm64` runs these: they take minutes, and download Debian packages.
collect_ignore_glob = [] if os.environ.get("MIEN_ARM64") else ["test_*.py"]


#: Bookworm alone by default, because an installation takes minutes under emulation.
SUITES = os.environ.get("MIEN_ARM64_SUITES", "bookworm").split()


PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


@pytest.fixture(scope="session", params=SUITES)
def board(request, tmp_path_factory):
    """A board on which a bundle was installed as in the tutorial: key, installer, bundle, and no network."""
    board, folder = Board(request.param), tmp_path_factory.mktemp("made")

    def make(*arguments):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err

    def bring_bundle(version):
        """Build a bundle and copy it into the home folder."""
        path = folder / version / "mien.bundle"
        path.parent.mkdir()
        make("bundle", "--target", board.suite, "--key", folder / "fleet", "--version", version, "--out", path)
        board.copy(path)

    def bring_stand_in(version):
        """Do the same with a bundle whose mien is a stand-in: real libraries take minutes to install here."""
        workshop = Workshop(folder, folder / "fleet")
        path = folder / version / "mien.bundle"
        path.parent.mkdir()
        installer = "/root/install.py"
        with pytest.MonkeyPatch.context() as patch:
            more = WITH_DEPLOY.format(python="/usr/bin/python3", installer=installer)
            patch.setattr(made_release, "_DAEMON", more.replace("{", "{{").replace("}", "}}") + made_release._DAEMON)
            made = workshop.bundle(version, arch="aarch64", target=board.suite, python=PYTHON[board.suite])
        board.copy(made.rename(path))

    make("keygen", "--out", folder / "fleet")
    make("installer", "--out", folder / "install.py")
    board.copy(folder / "fleet.pub", folder / "install.py")
    board.bring_stand_in = bring_stand_in
    bring_bundle("1.0")
    board.installed = board.install("sudo python3 install.py mien.bundle --pubkey fleet.pub")
    return board
