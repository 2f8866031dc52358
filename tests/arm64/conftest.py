import os

import pytest

from deploy.build.targets import TARGETS
from tests.arm64.board import Board
from tests.conftest import run_mien
from tests.deploy.made_release import Workshop

# Only `make test-arm64` runs these: they take minutes, and download Debian packages.
collect_ignore_glob = [] if os.environ.get("MIEN_ARM64") else ["test_*.py"]


#: Bookworm alone by default, because an installation takes minutes under emulation.
SUITES = os.environ.get("MIEN_ARM64_SUITES", "bookworm").split()


@pytest.fixture(scope="session", params=SUITES)
def board(request, tmp_path_factory):
    """A board on which a bundle was installed as in the tutorial: key, installer, bundle, and no network."""
    board, folder = Board(request.param), tmp_path_factory.mktemp("made")
    bundle = folder / "mien.bundle"

    def make(*arguments):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err

    def bring_stand_in(version):
        """Make a bundle whose mien is a stand-in, since real libraries take minutes to install, and copy it there."""
        workshop = Workshop(folder, folder / "fleet", deploy_by=("/usr/bin/python3", "/root/install.py"))
        python = TARGETS[board.suite].python
        made = workshop.bundle(version, arch="aarch64", target=board.suite, python=python)
        board.copy(made.rename(bundle))

    make("keygen", "--out", folder / "fleet")
    make("installer", "--out", folder / "install.py")
    board.copy(folder / "fleet.pub", folder / "install.py")
    board.bring_stand_in = bring_stand_in
    make("bundle", "--target", board.suite, "--key", folder / "fleet", "--version", "1.0", "--out", bundle)
    board.copy(bundle)
    board.installed = board.try_release("sudo python3 install.py mien.bundle --pubkey fleet.pub")
    return board
