import os

import pytest

from tests.arm64.board import Board
from tests.conftest import run_mien

# `make test-arm64` runs these: they take minutes, and fetch Debian's packages.
collect_ignore_glob = [] if os.environ.get("MIEN_ARM64") else ["test_*.py"]


#: Bookworm alone unless told otherwise: under emulation an installation takes minutes.
SUITES = os.environ.get("MIEN_ARM64_SUITES", "bookworm").split()


@pytest.fixture(scope="session", params=SUITES)
def board(request, tmp_path_factory):
    """A board onto which a bundle was installed as the tutorial says: key, installer, bundle, and no network."""
    board, folder = Board(request.param), tmp_path_factory.mktemp("made")

    def make(*arguments):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err

    def bring(version):
        """Have another release in the home folder."""
        path = folder / version / "mien.bundle"
        path.parent.mkdir()
        make("bundle", "--target", board.suite, "--key", folder / "fleet", "--version", version, "--out", path)
        board.copy(path)

    make("keygen", "--out", folder / "fleet")
    make("installer", "--out", folder / "install.py")
    board.copy(folder / "fleet.pub", folder / "install.py")
    board.bring = bring
    bring("1.0")
    board.said = board.follow("sudo python3 install.py mien.bundle --pubkey fleet.pub")
    return board
