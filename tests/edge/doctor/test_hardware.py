import os
import struct

import pytest

from edge.doctor.hardware import (
    board_health,
    cameras,
    clock,
    cpu_frequency,
    disk,
    groups,
    memory,
    parse_camera_name,
)


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
def test_a_camera_is_a_device_that_captures_images(driver, capabilities, name):
    capability = struct.pack("16s32s32s3I12x", driver, b"HD Webcam", b"usb-1", 0x60000, 0x84A00001, capabilities)
    assert len(capability) == 104
    assert parse_camera_name(capability) == name


def test_a_file_that_is_no_device_is_no_camera(tmp_path):
    (tmp_path / "video0").touch()
    found = only(cameras(tmp_path))
    assert (found.state, "no USB camera" in found.message) == ("note", True)


def test_a_camera_without_permission_names_the_group_to_join(tmp_path, monkeypatch):
    (tmp_path / "video0").touch()

    def denied(*_):
        raise PermissionError

    # Root may read everything.
    monkeypatch.setattr(os, "open", denied)
    found = only(cameras(tmp_path))
    assert found.state == "broken"
    assert "may not read video0" in found.message
    assert "usermod -aG video" in found.fix


def test_groups_are_checked_on_a_raspberry_pi_only(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    board = tmp_path / "model"
    assert groups(board, set()) == []
    board.write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    assert only(groups(board, {"video", "audio"})).state == "ok"
    found = only(groups(board, {"audio"}))
    assert (found.state, "usermod -aG video" in found.fix) == ("warning", True)


@pytest.mark.parametrize(
    ("flags", "states", "message"),
    [
        ("0", ["ok"], "none since boot"),
        ("50005", ["warning"], "now: under-voltage, throttled"),
        ("50000", ["note"], "since boot: under-voltage, throttled"),
        ("e0002", ["warning", "note"], "now: clock capped"),
    ],
)
def test_throttling(flags, states, message):
    findings = [finding for finding in board_health(flags, 50.0) if finding.subject == "throttling"]
    assert [finding.state for finding in findings] == states
    assert findings[0].message == message
    assert all(bool(finding.fix) == (finding.state != "ok") for finding in findings)


def test_under_voltage_suggests_a_power_supply_and_heat_a_fan():
    assert "power supply" in board_health("1", 50.0)[0].fix
    assert "fan" in board_health("4", 50.0)[0].fix
    assert board_health("0", 84.0)[1].state == "warning"
    assert board_health("0", 60.0)[1].state == "ok"


def test_cpu_frequency(tmp_path):
    path = tmp_path / "scaling_governor"
    assert cpu_frequency(path) == []
    path.write_text("ondemand\n")
    assert only(cpu_frequency(path)).state == "ok"
    path.write_text("powersave\n")
    assert only(cpu_frequency(path)).state == "warning"


@pytest.mark.parametrize(("free_kb", "state"), [(4_000_000, "ok"), (100_000, "warning")])
def test_memory(tmp_path, free_kb, state):
    path = tmp_path / "meminfo"
    path.write_text(f"MemTotal: 8000000 kB\nMemAvailable: {free_kb} kB\n")
    assert only(memory(path)).state == state
    assert memory(tmp_path / "nothing") == []


@pytest.mark.parametrize(("free_mb", "state"), [(5000, "ok"), (200, "warning"), (10, "broken")])
def test_disk(tmp_path, free_mb, state):
    assert only(disk(tmp_path / "not" / "there", free_mb)).state == state
    assert str(tmp_path) in only(disk(tmp_path / "not" / "there")).message


def test_clock(tmp_path):
    synchronized = tmp_path / "timesync" / "synchronized"
    assert only(clock(0.0, synchronized)).state == "broken"
    # Without systemd-timesyncd nothing reports whether the clock was set.
    assert only(clock(1.8e9, synchronized)).state == "ok"
    synchronized.parent.mkdir()
    assert only(clock(1.8e9, synchronized)).state == "warning"
    synchronized.touch()
    assert only(clock(1.8e9, synchronized)).state == "ok"
