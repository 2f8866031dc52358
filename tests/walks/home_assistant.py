"""Somebody with a Pi, a camera and one evening, who wants expressions in Home Assistant."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from deploy.cli import service_questions
from tests.edge.sinks.test_home_assistant import CODE
from tests.walks.pages import Piece
from tests.walks.shell import Shell
from tests.walks.steps import checked, configuration, leave, output, run

_NO_CAMERA = "no camera is there: the demo source, which has to be ended; a broker of the test"
_BOARD = "needs a board, and its camera"
_SYSTEMD = "needs a system booted by systemd, and root"
_BOOTED = ("tests/booted/scenario.sh", "systemctl enable --now mien")
_OWN = "tests/booted/own_service.sh"
_GUIDE = "tests/arm64/test_guide.py"
_OVER_SSH = "over ssh, to a server of the test; not as root, so below the home folder"
_HALL = "ssh -F {ssh} hall.local"
_DISCOVERY = "homeassistant/device/mien_hall/config"


def _automation(shell: Shell, piece: Piece, text: str) -> None:
    """The entity of the automation is one that Home Assistant makes of what the broker holds."""
    (trigger,) = yaml.safe_load(text)["triggers"]
    sub = "mosquitto_sub -p {broker} -u user -P password -C 1 -W 20 -t ".format(**shell.names)
    message = shell.run(sub + _DISCOVERY, 0, piece.place)
    discovered = json.loads(message)
    # As Home Assistant names an entity: after the device and the entity.
    entities = {
        f"{each['platform']}.{re.sub('[^a-z0-9]+', '_', f'''{discovered['device']['name']} {each['name']}'''.lower())}"
        for each in discovered["components"].values()
    }
    assert trigger["entity_id"] in entities, piece.place
    if folder := os.environ.get("MIEN_HOME_ASSISTANT"):
        done = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-c", CODE], input=message, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": folder},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _questions(_: Shell, piece: Piece, text: str) -> None:
    """The questions are those of the command."""
    source = Path(service_questions.__file__).read_text()
    for line in text.splitlines():
        question = re.split(r" \[|:", line)[0]
        assert question in source, f"{piece.place}: {question!r} is not asked"


def _removal(shell: Shell, piece: Piece, text: str) -> None:
    """The broker holds nothing of the device afterwards."""
    text = text.replace("-h homeassistant.local", "-p {broker}".format(**shell.names))
    shell.run(text, 0, piece.place)
    left = "mosquitto_sub -p {broker} -u user -P password -W 2 -v -t 'homeassistant/#' -t 'mien/#' 2>/dev/null"
    assert shell.run(left.format(**shell.names), 27, piece.place) == ""


def _not_run(begins: str, reason: str, where: str, words: str):
    return leave(begins, reason, (where, words))


TUTORIAL = [
    leave("ssh you@hall.local", _BOARD),
    leave("sudo apt update", _BOARD),
    run(". /etc/os-release", "Python 3."),
    leave("timedatectl", _BOARD),
    leave("rpicam-hello", _BOARD),
    leave("rpicam-still", _BOARD),
    leave("ls -l /dev/v4l/by-id", _BOARD),
    run(".venv/bin/pip install -e '.[deploy]'"),
    run(".venv/bin/mien deploy keygen", "fleet: the private key", "fleet.pub: the public key"),
    run(".venv/bin/mien deploy installer", "on the device, run  sudo python3 install.py BUNDLE --pubkey KEY"),
    run(
        ".venv/bin/mien deploy bundle", "mien.bundle: release ", because="the machine of the test is to install it",
        old="--target bookworm", new="{target}",
    ),
    run("scp mien.bundle", because=_OVER_SSH, old="scp", new="scp -q -F {ssh}", old2="you@", new2=""),
    leave("ssh you@hall.local", "a shell on the Pi: the next command is sent there"),
    run(
        "sudo python3 install.py", because=_OVER_SSH, old="sudo python3", new=f"{_HALL} python3", more="--prefix mien",
    ),
    output("0.1.0+", " is the current release"),
    configuration(
        'source = "picamera2"', because="this extra is in the bundle", old=', "metrics:127.0.0.1:9108"', new="",
    ),
    _not_run("sudo install -d", "needs root", _GUIDE, "here(6)"),
    _not_run("printf 'user", "needs root", _GUIDE, "here(6)"),
    leave("sudo systemctl enable --now mien", _SYSTEMD, _BOOTED),
    leave("systemctl status mien", _SYSTEMD, ("tests/booted/scenario.sh", "systemctl show mien")),
    leave("sudo adduser", "needs root: a user of the system"),
    leave("sudo chown", "needs root"),
    leave("sudo systemctl restart", _SYSTEMD),
    leave("alias: A smile in the hall", "docs/how-to/home-assistant.md has the same automation"),
    leave("mosquitto_sub", "docs/how-to/home-assistant.md is walked with a broker"),
    run(
        ".venv/bin/mien deploy push hall.local", "hall.local  installed", "2.0 is the current release",
        because=_OVER_SSH + "; a small bundle of a stand-in for mien",
        old="push", new="push --ssh-config {ssh} --prefix mien", old2="mien.bundle", new2="{update}",
    ),
    _not_run(
        "sudo /opt/mien/current/venv/bin/mien deploy install", "as the one before", _GUIDE, "try_release(install)",
    ),
    run(
        "sudo /opt/mien/current/venv/bin/mien deploy status", "2.0", because=_OVER_SSH,
        old="sudo /opt/mien", new=f"{_HALL} mien", more="--prefix mien",
    ),
    run(
        "sudo /opt/mien/current/venv/bin/mien deploy rollback", "0.1.0+", " is the current release", because=_OVER_SSH,
        old="sudo /opt/mien", new=f"{_HALL} mien", more="--prefix mien",
    ),
    leave("sudo systemctl disable", _SYSTEMD),
    _not_run("sudo rm -rf /etc/systemd", "needs root", _GUIDE, "here(9)"),
    _not_run("sudo rm -rf /etc/mien", "needs root", _GUIDE, "here(9)"),
    leave("sudo systemctl daemon-reload", _SYSTEMD),
    leave("sudo deluser", "needs root"),
    leave("for topic in", "docs/how-to/home-assistant.md has the same loop"),
    leave("sudo apt install python3-picamera2", "needs root: `make test-camera` takes it from Debian"),
    leave("make demo VENV_OPTIONS", "needs Debian's picamera2; the README's `make demo` is walked"),
    leave(".venv/bin/pip install 'numpy<2'", "needs Debian's picamera2"),
]  # fmt: skip

WALK = {
    "docs/how-to/one-board.md": [
        leave("sudo apt install python3-venv", "needs root"),
        run("sudo python3 -m venv", because="not as root", old="sudo ", new="", old2="/opt/", new2="{desk}/opt-"),
        run(
            "sudo /opt/mien-venv/bin/pip install 'mien[mqtt,preview]'", because="not as root, and not on PyPI yet",
            old="sudo /opt/", new="{desk}/opt-", old2="'mien[", new2="'.[",
        ),
        leave("sudo /opt/mien-venv/bin/pip install 'numpy<2'", "on a Raspberry Pi with Bookworm only"),
        _not_run("sudo /opt/mien-venv/bin/mien service install", _SYSTEMD, _OWN, '"$mien" service install'),
        checked("Source of frames", _questions),
        _not_run("sudo /opt/mien-venv/bin/mien service install --source", _SYSTEMD, _OWN, "--source demo --sink"),
        _not_run("sudo /opt/mien-venv/bin/mien service install --config", _SYSTEMD, _OWN, "service install --config"),
        _not_run("/opt/mien-venv/bin/mien service status", _SYSTEMD, _OWN, 'step status "$mien" service status'),
        leave("journalctl", _SYSTEMD),
        leave("sudo systemctl reload mien", _SYSTEMD, ("tests/booted/scenario.sh", "systemctl reload mien")),
        _not_run("sudo /opt/mien-venv/bin/pip install --upgrade", _SYSTEMD, _OWN, "step again"),
        _not_run("sudo /opt/mien-venv/bin/mien service uninstall", _SYSTEMD, _OWN, "service uninstall --yes"),
        run("sudo rm -rf /opt/mien-venv", because="not as root", old="sudo ", new="", old2="/opt/", new2="{desk}/opt-"),
    ],
    "docs/how-to/home-assistant.md": [
        run("(umask 077"),
        run("pip install 'mien[mqtt]'", because="mien is not on PyPI yet", old="'mien[", new="'.["),
        run("mien models pull"),
        run(
            "mien run --source camera:0", "60 frames", because=_NO_CAMERA, old="camera:0", new="demo",
            old2="homeassistant.local", new2="127.0.0.1:{broker}", more="--max-frames 60",
        ),
        output("mien: connected", "mien: connected to ", " as mien/hall; Home Assistant shows the device 'mien hall'"),
        configuration("sink ="),
        checked("alias: A smile in the hall", _automation),
        checked("for topic in", _removal),
    ],
}  # fmt: skip
