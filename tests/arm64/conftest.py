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
    """A board onto which a bundle was installed as the guide says: key, bundle, installer, and no network."""
    board, folder = Board(request.param), tmp_path_factory.mktemp("made")
    for arguments in (
        ("keygen", "--out", folder / "key"),
        ("installer", "--out", folder / "install.py"),
        ("bundle", "--target", board.suite, "--key", folder / "key", "--version", "1.0", "--out", folder / "bundle"),
    ):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err
    inbox = board.root / "opt" / "inbox"
    inbox.mkdir()
    for name in ("bundle", "key.pub", "install.py"):
        (inbox / name).write_bytes((folder / name).read_bytes())
    options = ("--pubkey", "/opt/inbox/key.pub", "--frames", "2", "--limit", "600")
    board.said = board.run("cortex-a72", "python3", "/opt/inbox/install.py", "/opt/inbox/bundle", *options).stdout
    return board
