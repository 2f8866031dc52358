"""The installer is killed at every step and at random moments: the current release stays complete, and starts.

A kill leaves the same files as a power cut, except for writes that have not reached the disk. Those are what the calls
of fsync are for, and only a test with a device mapper could check them. `MIEN_INSTALL_KILLS=100` kills a hundred times
at random moments.
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
from deploy.device.release_store import ReleaseStore
from tests.deploy.conftest import Device

KILLS = int(os.environ.get("MIEN_INSTALL_KILLS", "3"))
pytestmark = pytest.mark.slow
IS_LONG = bool(os.environ.get("MIEN_DEPLOY_LONG"))
#: The steps at which a kill is most likely to reveal an error.
CRITICAL_STEPS = ("environment", "publish", "switch", "record")


@pytest.fixture(scope="module")
def installed(workshop, tmp_path_factory):
    """A device on which 1.0 is current, and the seconds that an update of it takes."""
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


def start_update(device, workshop):
    key = ("--pubkey", workshop.pubkey)
    command = device.command("install", workshop.bundle("2.0"), *key, "--frames", 5, "--limit", 60, "--verbose")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
        # A background job of a shell ignores SIGINT, and so would the installer.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def assert_recovers(device, workshop, expected):
    """Exactly one release is current, one of those expected, and it is complete; then the update succeeds."""
    store = ReleaseStore(device.prefix)
    current = store.current_version()
    assert current in expected
    # Every folder with a release's name is complete, whether it is current or not.
    for version in store.versions():
        check_health(store.release(version), store.manifest(version), 5, 60)
    named = {name for name in device.releases() if not name.startswith(".")}
    assert named == set(store.versions())
    assert named <= {"1.0", "2.0"}
    assert device.version() == f"mien, version {current}"
    status = json.loads(device.run("status", "--json").out)
    assert status["current"] == current
    install(workshop.bundle("2.0"), store, InstallOptions(workshop.pubkey, frames=5, limit_s=60))
    assert store.current_version() == "2.0"
    assert device.version() == "mien, version 2.0"
    assert device.releases() == ["1.0", "2.0"]


@pytest.mark.parametrize("step", STEPS if IS_LONG else CRITICAL_STEPS)
def test_killed_at_a_step(device, workshop, step):
    process = start_update(device, workshop)
    for line in process.stderr:
        if line == f"step {step}\n":
            process.kill()
            break
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    place = STEPS.index(step) - STEPS.index("switch")
    # The kill comes a moment after the step was reported, and the step before `switch` takes no longer than that.
    assert_recovers(device, workshop, ("1.0",) if place < -1 else ("2.0",) if place > 0 else ("1.0", "2.0"))


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_moment(device, workshop, installed, seed):
    process = start_update(device, workshop)
    # Sometimes later than an update takes, so that it has ended by then.
    time.sleep(random.Random(seed).uniform(0, 1.05 * installed[1]))
    process.kill()
    process.communicate()
    assert_recovers(device, workshop, ("1.0", "2.0"))


def test_an_attempt_that_was_killed_is_shown_as_interrupted(device, workshop):
    process = start_update(device, workshop)
    for line in process.stderr:
        if line == "step health\n":
            process.kill()
            break
    process.communicate()
    assert "2.0: interrupted" in device.run("status").out


def test_ctrl_c_leaves_the_old_release(device, workshop):
    process = start_update(device, workshop)
    for line in process.stderr:
        if line == "step health\n":
            process.send_signal(signal.SIGINT)
            break
    errors = process.communicate()[1]
    assert process.returncode == 130
    assert "stopped" in errors
    assert device.current() == "1.0"
    assert device.releases() == ["1.0"]
