import os
import shutil

import pytest

from tests.board.guest_image import GuestImage
from tests.board.machine import Machine
from tests.board.power_cuts import PowerCuts
from tests.conftest import run_mien

# Only `make test-board` runs these: they take half an hour, and download Debian packages.
collect_ignore_glob = [] if os.environ.get("MIEN_BOARD") else ["test_*.py"]
#: Of the moments at which the power is cut.
SEED = int(os.environ.get("MIEN_BOARD_SEED", "0"))


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """The disk of a board with two real bundles in /opt/board."""
    folder = tmp_path_factory.mktemp("board")

    def make(*arguments):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err

    make("keygen", "--out", folder / "fleet")
    make("installer", "--out", folder / "install.py")
    bundles = []
    for version in ("1.0", "2.0"):
        bundles.append(folder / f"{version}.bundle")
        make("bundle", "--target", "trixie", "--key", folder / "fleet", "--version", version, "--out", bundles[-1])
    yield GuestImage(folder, [folder / "fleet.pub", folder / "install.py", *bundles])
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def board(image):
    """The board, once it has booted; each test goes on where the last one stopped."""
    with Machine(image, image.disk, image.folder / "board") as machine:
        yield machine


@pytest.fixture(scope="session")
def cuts(image, board):
    """What twenty power cuts have left, from the state that the board saved while the service was running."""
    board.cut()
    return PowerCuts(image, SEED).run()


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    done = [report for report in reports if isinstance(report, pytest.TestReport) and "tests/board" in report.nodeid]
    if not done:
        return
    terminalreporter.section("seconds of each step, under emulation")
    for name in dict.fromkeys(report.nodeid for report in done):
        reports = [report for report in done if report.nodeid == name]
        outcome = "failed" if any(report.failed for report in reports) else "passed"
        seconds = sum(report.duration for report in reports)
        terminalreporter.line(f"{outcome}  {seconds:5.0f}  {name.partition('::')[2]}")
