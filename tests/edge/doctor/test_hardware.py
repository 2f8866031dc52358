import os
import struct

import pytest

from edge.doctor.hardware import board_health, cameras, clock, disk, governor, groups, memory, named


def only(findings):
    assert len(findings) == 1
    return findings[0]


@pytest.mark.parametrize(
    ("driver", "capabilities", "name"),
    [
        (b"uvcvideo", 0x04200001, "HD Webcam"),
        # The second node of a USB camera carries metadata only.
        (b"uvcvideo", 0x04A00000, ""),
        (b"bcm2835-isp", 0x04200001, ""),
    ],
)
def test_a_camera_is_what_takes_pictures(driver, capabilities, name):
    answer = struct.pack("16s32s32s3I12x", driver, b"HD Webcam", b"usb-1", 0x60000, 0x84A00001, capabilities)
    assert len(answer) == 104
    assert named(answer) == name


def test_files_that_are_no_cameras_are_none(tmp_path):
    (tmp_path / "video0").touch()
    found = only(cameras(tmp_path))
    assert (found.state, "no USB camera" in found.said) == ("note", True)


def test_a_camera_that_may_not_be_read_names_the_group(tmp_path, monkeypatch):
    (tmp_path / "video0").touch()

    def refused(*_):
        raise PermissionError

    # Root may read everything.
    monkeypatch.setattr(os, "open", refused)
    found = only(cameras(tmp_path))
    assert found.state == "broken"
    assert "may not read video0" in found.said
    assert "usermod -aG video" in found.fix


def test_groups_matter_on_a_raspberry_pi_only(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    board = tmp_path / "model"
    assert groups(board, set()) == []
    board.write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    assert only(groups(board, {"video", "audio"})).state == "ok"
    found = only(groups(board, {"audio"}))
    assert (found.state, "usermod -aG video" in found.fix) == ("warning", True)


@pytest.mark.parametrize(
    ("flags", "states", "said"),
    [
        ("0", ["ok"], "none since boot"),
        ("50005", ["warning"], "now: under-voltage, throttled"),
        ("50000", ["note"], "since boot: under-voltage, throttled"),
        ("e0002", ["warning", "note"], "now: clock capped"),
    ],
)
def test_throttling(flags, states, said):
    findings = [finding for finding in board_health(flags, 50.0) if finding.subject == "throttling"]
    assert [finding.state for finding in findings] == states
    assert findings[0].said == said
    assert all(bool(finding.fix) == (finding.state != "ok") for finding in findings)


def test_under_voltage_wants_a_power_supply_and_heat_a_fan():
    assert "power supply" in board_health("1", 50.0)[0].fix
    assert "fan" in board_health("4", 50.0)[0].fix
    assert board_health("0", 84.0)[1].state == "warning"
    assert board_health("0", 60.0)[1].state == "ok"


def test_governor(tmp_path):
    path = tmp_path / "scaling_governor"
    assert governor(path) == []
    path.write_text("ondemand\n")
    assert only(governor(path)).state == "ok"
    path.write_text("powersave\n")
    assert only(governor(path)).state == "warning"


@pytest.mark.parametrize(("free_kb", "state"), [(4_000_000, "ok"), (100_000, "warning")])
def test_memory(tmp_path, free_kb, state):
    path = tmp_path / "meminfo"
    path.write_text(f"MemTotal: 8000000 kB\nMemAvailable: {free_kb} kB\n")
    assert only(memory(path)).state == state
    assert memory(tmp_path / "nothing") == []


@pytest.mark.parametrize(("free_mb", "state"), [(5000, "ok"), (200, "warning"), (10, "broken")])
def test_disk(tmp_path, free_mb, state):
    assert only(disk(tmp_path / "not" / "there", free_mb)).state == state
    assert str(tmp_path) in only(disk(tmp_path / "not" / "there")).said


def test_clock(tmp_path):
    synchronised = tmp_path / "timesync" / "synchronized"
    assert only(clock(0.0, synchronised)).state == "broken"
    # No systemd here: nobody says.
    assert only(clock(1.8e9, synchronised)).state == "ok"
    synchronised.parent.mkdir()
    assert only(clock(1.8e9, synchronised)).state == "warning"
    synchronised.touch()
    assert only(clock(1.8e9, synchronised)).state == "ok"
