"""The compose files: valid for the real program, and as strict as the systemd unit."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest

from edge.cli.run import run
from tests.conftest import ROOT

yaml = pytest.importorskip("yaml", reason="no PyYAML: make install-train")

FOLDER = ROOT / "deploy" / "containers"
SERVER = ROOT / "deploy" / "fleet" / "compose.yml"
UNIT = (ROOT / "deploy" / "systemd" / "mien.service").read_text()


def setting(key):
    """The value of a key of the systemd unit."""
    (value,) = re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
    return value


def service():
    return yaml.safe_load((FOLDER / "compose.yml").read_text())["services"]["mien"]


def configured(*files, **environment):
    """What the real docker-compose reads from these files, after filling in variables."""
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("no docker-compose: apt-get install docker-compose")
    names = [part for file in files for part in ("--file", str(file))]
    done = subprocess.run(
        [program, *names, "config"], capture_output=True, text=True, env={**os.environ, **environment}, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr.upper()
    return yaml.safe_load(done.stdout)


@pytest.mark.real_part
def test_one_device():
    found = configured(FOLDER / "compose.yml")["services"]["mien"]
    assert found["devices"] == ["/dev/video0:/dev/video0"]
    assert found["group_add"] == ["video"]
    assert [str(port).removesuffix("/tcp") for port in found["ports"]] == ["127.0.0.1:8080:8080"]
    chosen = {"MIEN_CAMERA": "/dev/v4l/by-id/usb-camera", "MIEN_CAMERA_GROUP": "27", "MIEN_HOSTNAME": "hall"}
    found = configured(FOLDER / "compose.yml", **chosen, MIEN_PREVIEW_ADDRESS="0.0.0.0")["services"]["mien"]
    assert found["devices"] == ["/dev/v4l/by-id/usb-camera:/dev/video0"]
    assert found["group_add"] == ["27"]
    assert found["hostname"] == "hall"


@pytest.mark.real_part
def test_a_device_of_a_fleet_has_more_secrets_and_a_port():
    found = configured(FOLDER / "compose.yml", FOLDER / "fleet.yml")
    device = found["services"]["mien"]
    assert {secret["source"] for secret in device["secrets"]} == {"preview-token", "metrics-token", "mqtt-login"}
    assert len(device["ports"]) == 2
    assert device["read_only"] is True
    assert set(found["secrets"]) == {"preview-token", "metrics-token", "mqtt-login"}


@pytest.mark.real_part
def test_the_server_of_a_fleet():
    assert set(configured(SERVER)["services"]) == {"mosquitto", "prometheus", "grafana"}


@pytest.mark.real_part
def test_docker_compose_would_find_errors(tmp_path):
    wrong = tmp_path / "compose.yml"
    wrong.write_text((FOLDER / "compose.yml").read_text().replace("read_only: true", "readonly: true"))
    with pytest.raises(AssertionError, match="readonly"):
        configured(wrong)


def test_the_limits_are_those_of_the_unit():
    found = service()
    assert found["mem_limit"] == found["memswap_limit"] == setting("MemoryMax").lower()
    assert setting("MemorySwapMax") == "0"
    assert found["pids_limit"] == int(setting("TasksMax"))
    assert found["ulimits"]["core"] == int(setting("LimitCORE"))
    assert found["oom_score_adj"] == int(setting("OOMScoreAdjust"))
    assert found["stop_grace_period"] == f"{setting('TimeoutStopSec')}s"


def test_the_permissions_are_those_of_the_unit():
    found = service()
    assert (setting("CapabilityBoundingSet"), found["cap_drop"]) == ("", ["ALL"])
    assert (setting("NoNewPrivileges"), found["security_opt"]) == ("yes", ["no-new-privileges:true"])
    assert (setting("ProtectSystem"), found["read_only"]) == ("strict", True)
    assert (setting("PrivateTmp"), found["tmpfs"][0].startswith("/tmp:")) == ("yes", True)
    assert setting("SupplementaryGroups") == "video"
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "user"} & set(found)
    writable = [volume for volume in found["volumes"] if not volume.endswith(":ro")]
    assert sorted(volume.partition(":")[2] for volume in writable) == ["/var/cache/mien", "/var/lib/mien"]


def test_the_example_configuration_is_valid_and_fits_the_compose_files():
    file = FOLDER / "mien.toml"
    text = file.read_text()
    with run.make_context("run", ["--config", str(file)]) as values:
        assert values.params["source"] == "camera:0"
        assert values.params["preview"] == "0.0.0.0:8080"
    # The line for a fleet, which is a comment.
    fleet = tomllib.loads(re.search(r"^# (sink = .*)$", text, re.MULTILINE)[1])["sink"]
    ports = yaml.safe_load((FOLDER / "fleet.yml").read_text())["services"]["mien"]["ports"]
    assert ports == [f"{port}:{port}" for port in re.findall(r"metrics:0\.0\.0\.0:(\d+)", fleet[0])]
