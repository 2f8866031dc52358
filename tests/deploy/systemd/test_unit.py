"""The systemd unit, checked by the real systemd-analyze."""

import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "mien.service"
#: The first systemd that supports growing delays between restarts.
GROWING_DELAYS = 254
#: Units of systemd that every service depends on.
BASE = ("multi-user.target", "basic.target", "sysinit.target", "network.target", "shutdown.target")


@pytest.fixture(scope="module")
def analyze():
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")

    def run(*arguments):
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def device(tmp_path):
    """A root folder with the files that the unit names, and the unit itself."""
    for name in ("opt/mien/current/venv/bin/mien", "bin/kill"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    units = tmp_path / "lib/systemd/system"
    units.mkdir(parents=True)
    for name in BASE:
        shutil.copy(f"/lib/systemd/system/{name}", units)
    installed = tmp_path / "etc/systemd/system"
    installed.mkdir(parents=True)
    shutil.copy(UNIT, installed)
    return tmp_path


def warnings_of(analyze, device):
    """The output of `systemd-analyze verify`; empty if it finds nothing wrong."""
    done = analyze("verify", f"--root={device}", "--man=no", "mien.service")
    return done.stdout + done.stderr + f"exit status {done.returncode}\n" * bool(done.returncode)


def settings(path):
    """The settings of a unit: each key with its values, in their order."""
    table = {}
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            table.setdefault(match[1], []).append(match[2])
    return table


@pytest.mark.real_part
def test_systemd_finds_nothing_wrong(analyze, device):
    assert warnings_of(analyze, device) == ""


@pytest.mark.real_part
def test_systemd_would_find_errors(analyze, device):
    unit = device / "etc/systemd/system/mien.service"
    unit.write_text(UNIT.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    assert "Unknown key" in warnings_of(analyze, device)
    unit.write_text(UNIT.read_text())
    (device / "opt/mien/current/venv/bin/mien").unlink()
    assert "is not executable" in warnings_of(analyze, device)


@pytest.mark.real_part
@pytest.mark.parametrize("name", ["mien.service.d/escalation.conf", "reboot.conf"])
def test_drop_ins(analyze, device, name):
    version = int(re.search(r"systemd (\d+)", analyze("--version").stdout)[1])
    folder = device / "etc/systemd/system/mien.service.d"
    folder.mkdir()
    shutil.copy(FOLDER / name, folder)
    output = warnings_of(analyze, device)
    if name.startswith("mien") and version < GROWING_DELAYS:
        # An older systemd ignores these keys, with a warning.
        assert [line.split("Unknown key ")[1].split()[0] for line in output.splitlines()] == [
            "'RestartSteps'",
            "'RestartMaxDelaySec'",
        ]
    else:
        assert output == ""


@pytest.mark.real_part
def test_exposure_is_at_most_2(analyze, device):
    unit = device / "etc/systemd/system/mien.service"
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=20", unit)
    output = re.search(r"exposure level for mien.service: ([\d.]+)", done.stdout)
    assert done.returncode == 0, done.stdout[-2000:]
    assert float(output[1]) <= 2.0
    # A less restricted unit exceeds the threshold.
    unit.write_text(UNIT.read_text().replace("CapabilityBoundingSet=", "#"))
    assert analyze("security", "--offline=true", "--no-pager", "--threshold=20", unit).returncode == 1


def test_cameras_network_and_cpuinfo_stay_open():
    table = settings(UNIT)
    assert table["DevicePolicy"] == ["closed"]
    assert set(table["DeviceAllow"]) == {
        "char-video4linux rw",
        "char-media rw",
        "char-dma_heap rw",
        "/dev/udmabuf rw",
    }
    assert table["SupplementaryGroups"] == ["video"]
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} <= set(table["RestrictAddressFamilies"][0].split())
    # LiteRT crashes without /proc/cpuinfo; with private devices or a private network there is no camera and no broker.
    assert not {"ProcSubset", "PrivateDevices", "PrivateNetwork", "IPAddressDeny", "PrivateUsers"} & set(table)


def test_the_service_has_a_watchdog_and_is_restarted():
    table = settings(UNIT)
    assert table["Type"] == ["notify"]
    assert table["NotifyAccess"] == ["main"]
    assert table["WatchdogSec"] == ["3min"]
    # A start that takes long on a slow board is not ended before it is ready.
    assert table["TimeoutStartSec"] == ["10min"]
    assert table["Restart"] == ["on-failure"]
    # The exit status for wrong use, such as a wrong configuration.
    assert table["RestartPreventExitStatus"] == ["2"]
    assert table["StartLimitIntervalSec"] == ["0"]
    assert {"MemoryMax", "MemoryHigh", "StateDirectory"} <= set(table)


def test_the_unit_loads_the_credentials_that_mien_reads():
    from edge.system.credentials import METRICS_TOKEN, MQTT_LOGIN, PREVIEW_TOKEN

    table = settings(UNIT)
    names = [MQTT_LOGIN, PREVIEW_TOKEN, METRICS_TOKEN]
    assert table["LoadCredential"] == [f"{name}:/etc/mien/credentials/{name}" for name in names]
    # Each of them may be missing.
    assert table["SetCredential"] == [f"{name}:\\n" for name in names]


def test_a_bundle_for_trixie_has_growing_delays():
    from deploy.build.bundle_builder import _unit
    from deploy.build.targets import TARGETS

    assert _unit(UNIT, TARGETS["bookworm"]) == UNIT.read_bytes()
    unit = _unit(UNIT, TARGETS["trixie"]).decode()
    assert unit.startswith(UNIT.read_text())
    # The last of several settings applies.
    assert [line for line in unit.splitlines() if line.startswith("RestartSec=")][-1] == "RestartSec=1"
    assert "\n[Service]\nRestartSec=1\nRestartSteps=8\n" in unit


def test_nothing_names_a_drop_in_that_a_device_does_not_have():
    # Its settings are appended to the unit of a bundle for Trixie.
    pages = [*(ROOT / "docs").rglob("*.md"), *FOLDER.glob("*.service"), *(ROOT / "deploy").rglob("README.md")]
    assert [path.name for path in pages if "escalation.conf" in path.read_text()] == []
