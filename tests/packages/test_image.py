"""The image, built from the Containerfile by podman, and what compose.yml makes of it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.edge.waiting import wait_until
from tests.packages.conftest import PRIVATE
from tests.packages.engine import IMAGE

TOKEN = "a-long-enough-token-1"


@pytest.fixture(scope="module")
def image(engine, checkout):
    """The engine, with the image of a checkout in which an operator keeps secrets."""
    engine.build(checkout, REVISION="0123abc")
    return engine


def test_its_user_and_its_labels(image):
    (found,) = json.loads(image.podman("image", "inspect", IMAGE).stdout)
    config = found["Config"]
    assert config["User"] == "10001:10001"
    assert (config["Entrypoint"], config["Cmd"]) == (["mien"], ["run", "--config", "/etc/mien/mien.toml"])
    labels = {key.rpartition(".")[2]: text for key, text in config["Labels"].items() if "opencontainers" in key}
    assert (labels["title"], labels["revision"], labels["licenses"]) == ("mien", "0123abc", "Apache-2.0")
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert labels["version"] == version


def test_the_demo_runs_without_any_right(image):
    done = image.run("run", "--source", "demo", "--max-frames", "60", "--report", "/tmp/report.json")
    assert re.search(r"^60 frames in .* 60 faces", done.stderr + done.stdout, re.MULTILINE)


def test_the_doctor_finds_nothing_broken(image):
    found = [json.loads(line) for line in image.run("doctor", "--json").stdout.splitlines()]
    assert "broken" not in {finding["state"] for finding in found}
    states = {finding["subject"]: finding["message"] for finding in found}
    assert states["Python"].startswith("3.13")
    assert states["LiteRT"] == "ai_edge_litert runs mien-small-ferplus-int8"


def test_the_process_has_no_rights_and_the_root_is_read_only(image):
    script = (
        "id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; touch /x /opt/mien/x; touch /var/lib/mien/x"
    )
    done = image.podman("run", "--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
                        "--network=none", "--entrypoint=sh", IMAGE, "-c", script, check=False)  # fmt: skip
    uid, *lines = done.stdout.splitlines()
    status = dict(re.findall(r"^(\w+):\s+(\w+)$", "\n".join(lines), re.MULTILINE))
    assert uid == "10001"
    assert status.pop("NoNewPrivs") == "1"
    assert status.pop("Seccomp") == "2"
    assert len(status) == 5
    assert set(status.values()) == {"0" * 16}
    assert done.stderr.count("Read-only file system") == 3


def test_it_holds_what_runs_and_nothing_else(image):
    script = "cd /; find opt var/lib/mien var/cache/mien root -type f; ls /opt/mien/venv/bin"
    names = image.podman("run", "--rm", "--network=none", "--user=0", "--entrypoint=sh", IMAGE, "-c", script).stdout
    packages = "/opt/mien/venv/lib/python3.13/site-packages/"
    assert f"{packages}edge/inference/models/mien-small-ferplus-int8.tflite".lstrip("/") in names.splitlines()
    for package in ("pip", "tensorflow", "hatchling"):
        assert f"{packages}{package}/".lstrip("/") not in names
    for name in PRIVATE:
        assert name.removeprefix("tests/") not in names
    assert ".cache" not in names


def test_without_a_configuration_it_ends_with_one_line(image):
    done = image.run(check=False)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "/etc/mien/mien.toml" in line


class Composed:
    """The service of compose.yml, started by podman-compose in a copy of its folder.

    Args:
        engine: with the image.
        folder: for the copy.
    """

    def __init__(self, engine, folder):
        self._engine, self._folder = engine, folder / "containers"
        shutil.copytree(ROOT / "deploy" / "containers", self._folder)
        text = (self._folder / "mien.toml").read_text()
        assert 'source = "camera:0"' in text
        (self._folder / "mien.toml").write_text(text.replace("camera:0", "demo"))
        (self._folder / "secrets" / "preview-token").write_text(f"{TOKEN}\n")
        # Podman sets limits of its own where a service has `ulimits`: see Engine.
        limits = {name: {"soft": soft, "hard": hard} for name, (soft, hard) in engine.limits().items()}
        # JSON is YAML.
        (self._folder / "test.yml").write_text(json.dumps({"services": {"mien": {"ulimits": limits}}}))
        # A device that every machine has, in place of a camera.
        self._environment = {**engine.environment, "MIEN_CAMERA": "/dev/null", "MIEN_IMAGE": IMAGE}

    def __call__(self, *arguments):
        command = [sys.executable, "-m", "podman_compose", "-f", "compose.yml", "-f", "test.yml", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, env=self._environment, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def shell(self, script):
        """Run a script in the container, and return what it prints."""
        return self._engine.podman("exec", "mien", "sh", "-c", script).stdout


@pytest.fixture
def composed(image, tmp_path):
    pytest.importorskip("podman_compose", reason="no podman-compose: make install-train")
    service = Composed(image, tmp_path)
    service("up", "--detach", "--no-build")
    yield service
    service("down")


def test_compose_starts_a_healthy_service_with_its_limits(image, composed):
    wait_until(
        lambda: image.podman("healthcheck", "run", "mien", check=False).returncode == 0, "the container is healthy", 120
    )
    (found,) = json.loads(image.podman("inspect", "mien").stdout)
    limits = found["HostConfig"]
    # podman-compose does not know memswap_limit and oom_score_adj, which Docker does.
    assert (limits["Memory"], limits["PidsLimit"]) == (400 * 2**20, 128)
    assert (limits["ReadonlyRootfs"], found["EffectiveCaps"] or []) == (True, [])
    status = composed.shell("grep -E '^(CapBnd|NoNewPrivs|Uid|Groups):' /proc/1/status; grep core /proc/1/limits")
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0{16}$", status, re.MULTILINE)
    assert re.search(r"^Uid:\s+10001\s+10001", status, re.MULTILINE)
    assert re.search(r"^Groups:.*\b44\b", status, re.MULTILINE)
    assert re.search(r"^Max core file size\s+0\s+0\s", status, re.MULTILINE)
    # The camera is where the configuration expects it.
    assert composed.shell("test -c /dev/video0 && echo there").strip() == "there"


def test_events_and_cache_outlive_the_container_and_sigterm_ends_it(image, composed):
    count = "wc -l < /var/lib/mien/events.jsonl"
    # The volume may have events of an earlier container, while this one starts.
    wait_until(lambda: image.podman("healthcheck", "run", "mien", check=False).returncode == 0, "it is healthy", 120)
    wait_until(lambda: int(composed.shell(f"{count} 2>/dev/null || echo 0")) > 0, "an event is in the volume", 120)
    before = int(composed.shell(count))
    image.podman("stop", "--time=20", "mien")
    (found,) = json.loads(image.podman("inspect", "mien").stdout)
    # Not 137, with which SIGKILL would have ended it.
    assert found["State"]["ExitCode"] == 0
    composed("down")
    composed("up", "--detach", "--no-build")
    assert int(composed.shell(count)) >= before


def test_a_daemon_that_hangs_is_unhealthy(image, composed):
    def is_healthy():
        return image.podman("healthcheck", "run", "mien", check=False).returncode == 0

    wait_until(is_healthy, "the container is healthy", 120)
    (found,) = json.loads(image.podman("inspect", "mien").stdout)
    os.kill(found["State"]["Pid"], signal.SIGSTOP)
    try:
        assert not is_healthy()
    finally:
        os.kill(found["State"]["Pid"], signal.SIGCONT)
    wait_until(is_healthy, "it is healthy again", 120)
