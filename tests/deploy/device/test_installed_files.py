"""A release that has changed on the disk is neither used again nor gone back to; its bundle repairs it."""

import json
import shutil

import pytest

from deploy.device.installed_files import RECORD, find_damage
from tests.deploy.conftest import Device


@pytest.fixture(scope="module")
def installed(workshop, tmp_path_factory):
    """Releases 1.0 and 2.0, of which 2.0 is current."""
    device = Device(workshop, tmp_path_factory.mktemp("installed") / "mien")
    for version in ("1.0", "2.0"):
        assert device.install(workshop.bundle(version)).code == 0
    return device


@pytest.fixture
def device(installed, workshop, tmp_path):
    shutil.copytree(installed.prefix, tmp_path / "mien", symlinks=True)
    return Device(workshop, tmp_path / "mien")


def replace_launcher(release):
    launcher = release / "venv" / "bin" / "mien"
    launcher.write_text("#!/bin/sh\ntouch /tmp/mien-was-owned\n")


def flip_a_bit(release):
    path = release / "models" / "made.tflite"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def lose_a_file(release):
    next((release / "venv").glob("lib/*/site-packages/mien/__main__.py")).unlink()


def add_a_module(release):
    (next((release / "venv").glob("lib/*/site-packages")) / "sitecustomize.py").write_text("raise SystemExit")


def redirect_a_link(release):
    link = release / "venv" / "bin" / "python"
    link.unlink()
    link.symlink_to("/bin/true")


def break_the_manifest(release):
    (release / "manifest.json").write_text("[" * 100_000)


def break_the_record(release):
    (release / RECORD).write_text("[1, 2]")


DAMAGES = {
    replace_launcher: "venv/bin/mien has changed",
    flip_a_bit: "models/made.tflite has changed",
    lose_a_file: "is missing",
    add_a_module: "sitecustomize.py was added",
    redirect_a_link: "venv/bin/python has changed",
    break_the_record: "cannot be read",
}


def test_an_intact_release_has_no_damage(device):
    assert find_damage(device.prefix / "releases" / "1.0") is None
    # Python writes compiled modules when root runs a command.
    cache = next((device.prefix / "releases" / "1.0").glob("venv/lib/*/site-packages/mien/__pycache__"))
    (cache / "later.cpython-311.pyc").write_bytes(b"")
    assert find_damage(device.prefix / "releases" / "1.0") is None
    # A release that an earlier version of mien has installed has no record.
    (device.prefix / "releases" / "1.0" / RECORD).unlink()
    assert find_damage(device.prefix / "releases" / "1.0") is None


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_rollback_rejects_a_damaged_release_and_its_bundle_repairs_it(device, workshop, damage):
    damage(device.prefix / "releases" / "1.0")
    for options in ((), ("--force",)):
        done = device.run("rollback", *options)
        assert done.code == 1
        assert DAMAGES[damage] in done.error_line()
        assert "install its bundle again" in done.error_line()
        assert device.current() == "2.0"
    done = device.install(workshop.bundle("1.0"), "--allow-older")
    assert done.code == 0, done.err
    assert device.current() == "1.0"
    assert device.version() == "mien, version 1.0"
    assert find_damage(device.prefix / "releases" / "1.0") is None


@pytest.mark.parametrize("damage", [replace_launcher, lose_a_file], ids=lambda damage: damage.__name__)
def test_the_current_release_is_repaired_in_place(device, workshop, damage):
    damage(device.prefix / "releases" / "2.0")
    done = device.install(workshop.bundle("2.0"))
    assert done.code == 0, done.err
    assert "already" not in done.out
    assert device.version() == "mien, version 2.0"
    assert device.releases() == ["1.0", "2.0"]
    started = list(map(json.loads, (device.prefix / "state/history.jsonl").read_text().splitlines()))
    assert any(entry["reason"].startswith("to repair it: ") for entry in started)


def test_a_damaged_manifest_does_not_hide_the_other_releases(device, workshop):
    break_the_manifest(device.prefix / "releases" / "1.0")
    status = json.loads(device.run("status", "--json").out)
    assert [(entry["version"], bool(entry["damage"])) for entry in status["releases"]] == [
        ("1.0", True),
        ("2.0", False),
    ]
    done = device.run("status")
    assert "release   1.0  is damaged: the manifest is not JSON" in done.out
    assert "release   2.0  bookworm" in done.out
    assert device.run("rollback", "--to", "1.0").code == 1
    assert device.install(workshop.bundle("1.0"), "--allow-older").code == 0
    assert device.current() == "1.0"


@pytest.mark.parametrize("line", ["[" * 100_000, '{"version": ["a"]}', "9" * 5000, '"text"', "\xff", '{"time": 1}'])
def test_a_damaged_history_is_read_as_far_as_it_goes(device, line):
    with (device.prefix / "state" / "history.jsonl").open("a") as stream:
        stream.write(f"{line}\n")
    done = device.run("status", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["previous"] == "1.0"
    assert len(json.loads(done.out)["history"]) == 2
