"""docs/tutorial/pi-in-an-evening.md, word for word, on an emulated board. It comes last, because it removes mien."""

import json
import re
import tomllib

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.real_part, pytest.mark.usefixtures("weights"), pytest.mark.timeout(7200)]
GUIDE = (ROOT / "docs" / "tutorial" / "pi-in-an-evening.md").read_text()
#: Commands that need a camera, a network, systemd or another machine. The fixture runs those of the workstation, and
#: tests/booted those of systemd.
ELSEWHERE = (
    ".venv/bin/", "mien deploy push", "scp ", "ssh ", "mosquitto_", "for topic", "done", "sudo apt ", "timedatectl",
    "rpicam-", "ls -l /dev/v4l/", "sudo systemctl", "systemctl", "sudo adduser", "sudo chown", "sudo deluser",
)  # fmt: skip
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


def here(section):
    """The commands of a section of the tutorial that can be run here."""
    text = re.search(rf"^## {section}\. .*?(?=^## )", GUIDE, re.MULTILINE | re.DOTALL)[0]
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    return [line for line in map(str.strip, lines) if not line.startswith(ELSEWHERE)]


def status(board):
    return json.loads(board.run("cortex-a72", "/opt/mien/current/venv/bin/mien", "deploy", "status", "--json").stdout)


def test_the_system_is_the_one_that_the_tutorial_is_for(board):
    (line,) = here(1)
    suite, python, machine = board.follow(line).splitlines()
    assert (suite, machine) == (board.suite, "aarch64")
    assert python.startswith(f"Python {PYTHON[board.suite]}.")


def test_the_first_installation(board):
    # The fixture has run this command.
    assert here(5) == ["sudo python3 install.py mien.bundle --pubkey fleet.pub"]
    assert f"{status(board)['current']} is the current release" in board.installed


def test_the_configuration_is_valid_and_only_root_reads_the_secrets(board):
    (text,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    (board.home / "mien.toml").write_text(text)
    (command,) = re.findall(r"`(/opt/mien/\S+ run --show-config)`", GUIDE)
    shown = tomllib.loads(board.follow(f"{command} --config mien.toml"))
    assert tomllib.loads(text).items() <= shown.items()
    lines = here(6)
    assert len(lines) == 2
    for line in lines:
        board.follow(line)
    secret = board.root / "etc/mien/credentials/mqtt-login"
    assert secret.read_text() == "user\npassword\n"
    assert (secret.stat().st_mode & 0o777, secret.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_update_and_rollback(board):
    first = status(board)["current"]
    board.bring_stand_in("2.0")
    install, show, back = here(8)
    assert "2.0 is the current release" in board.try_release(install)
    assert status(board)["current"] == "2.0"
    assert "2.0" in board.follow(show)
    board.try_release(back)
    assert status(board)["current"] == first


def test_removal_leaves_nothing(board):
    for line in here(9):
        board.follow(line)
    left = [path for name in ("mien", "mien.service") for path in board.root.glob(f"[!p]*/**/{name}")]
    assert left == []
