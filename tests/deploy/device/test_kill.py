"""The installer, killed: at every step, and at random moments. What is current is whole, and starts.

A kill leaves what a power cut leaves, but for writes that the disk had not got yet: for those are the fsyncs, which no
test without a device mapper sees. `MIEN_INSTALL_KILLS=100` for a hundred kills at random moments.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from deploy.device.health_gate import check_health
from deploy.device.installation import InstallOptions, install
from deploy.device.progress import STEPS
from deploy.device.release_store import Prefix
from tests.deploy.conftest import Device

KILLS = int(os.environ.get("MIEN_INSTALL_KILLS", "3"))
IS_LONG = bool(os.environ.get("MIEN_DEPLOY_LONG"))
#: Of the steps, those at which the least goes without saying.
SOME = ("environment", "name", "switch", "record")


@pytest.fixture(scope="module")
def installed(workshop, tmp_path_factory):
    """A prefix in which 1.0 is current, and how many seconds an update of it takes."""
    device = Device(workshop, tmp_path_factory.mktemp("installed") / "mien")
    assert device.install(workshop.bundle("1.0")).code == 0
    trial = Device(workshop, device.prefix.with_name("trial"))
    shutil.copytree(device.prefix, trial.prefix, symlinks=True)
    begin_s = time.monotonic()
    assert trial.install(workshop.bundle("2.0")).code == 0
    return device, time.monotonic() - begin_s


@pytest.fixture
def device(installed, workshop, tmp_path):
    shutil.copytree(installed[0].prefix, tmp_path / "mien", symlinks=True)
    return Device(workshop, tmp_path / "mien")


def start(device, workshop):
    key = ("--pubkey", workshop.pubkey)
    command = device.command("install", workshop.bundle("2.0"), *key, "--frames", 5, "--limit", 60, "--verbose")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
        # Where the tests are a shell's job in the background, Ctrl-C is ignored from there on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def check(device, workshop, expected):
    """Exactly one release is current, it is one of those expected, and whole; then the update goes through."""
    prefix = Prefix(device.prefix)
    current = prefix.current_version()
    assert current in expected
    # All that has a release's name is whole, be it current or not.
    for version in prefix.versions():
        check_health(prefix.release(version), prefix.manifest(version), 5, 60)
    named = {name for name in device.releases() if not name.startswith(".")}
    assert named == set(prefix.versions())
    assert named <= {"1.0", "2.0"}
    assert device.says() == f"mien, version {current}"
    told = json.loads(device.run("status", "--json").out)
    assert told["current"] == current
    install(workshop.bundle("2.0"), prefix, InstallOptions(workshop.pubkey, frames=5, limit_s=60))
    assert prefix.current_version() == "2.0"
    assert device.says() == "mien, version 2.0"
    assert device.releases() == ["1.0", "2.0"]


@pytest.mark.parametrize("step", STEPS if IS_LONG else SOME)
def test_killed_at_a_step(device, workshop, step):
    process = start(device, workshop)
    for line in process.stderr:
        if line == f"step {step}\n":
            process.kill()
            break
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    place = STEPS.index(step) - STEPS.index("switch")
    # The kill comes a moment after the step was announced, and before `switch` there is no more than a moment.
    check(device, workshop, ("1.0",) if place < -1 else ("2.0",) if place > 0 else ("1.0", "2.0"))


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_moment(device, workshop, installed, seed):
    process = start(device, workshop)
    # Also a little later than it took, so that now and then it has ended.
    time.sleep(random.Random(seed).uniform(0, 1.05 * installed[1]))
    process.kill()
    process.communicate()
    check(device, workshop, ("1.0", "2.0"))


def test_an_attempt_that_was_cut_off_is_told(device, workshop):
    process = start(device, workshop)
    for line in process.stderr:
        if line == "step health\n":
            process.kill()
            break
    process.communicate()
    assert "2.0: interrupted" in device.run("status").out


def test_ctrl_c_leaves_the_old_release(device, workshop):
    process = start(device, workshop)
    for line in process.stderr:
        if line == "step health\n":
            process.send_signal(signal.SIGINT)
            break
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "stopped" in said
    assert device.current() == "1.0"
    assert device.releases() == ["1.0"]
