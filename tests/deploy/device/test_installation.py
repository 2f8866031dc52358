"""The installer as one file, run by a Python without packages: what it does, and what it leaves after a failure."""

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from deploy.build.signing_keys import generate_keys
from deploy.device import health_gate, host_checks
from deploy.device.child_process import unprivileged
from deploy.device.health_gate import check_health
from deploy.device.manifest import Manifest
from deploy.device.release_store import ReleaseStore
from edge.errors import DeployError, UnhealthyError
from tests.deploy.conftest import Device
from tests.deploy.made_release import PYTHON


@pytest.fixture(scope="module")
def installed(workshop, tmp_path_factory):
    """An installation of 1.0, to be copied."""
    device = Device(workshop, tmp_path_factory.mktemp("installed") / "mien")
    key = ("--pubkey", workshop.pubkey)
    done = device.run_installer("install", workshop.bundle("1.0"), *key, "--frames", 5, "--limit", 20)
    assert done.code == 0, done.err
    return device


@pytest.fixture
def updatable(installed, device):
    """A device of the test's own on which 1.0 is current."""
    device.prefix.parent.mkdir(parents=True)
    shutil.copytree(installed.prefix, device.prefix, symlinks=True)
    return device


def history(device):
    return [json.loads(line) for line in (device.prefix / "state" / "history.jsonl").read_text().splitlines()]


def assert_rejected(device, done, *words, outcome="refused", code=1):
    """One error line; 1.0 is current and starts; nothing else is left behind; the reason is recorded."""
    assert done.code == code, done.err
    line = done.error_line()
    for word in words:
        assert word in line
    assert device.current() == "1.0"
    assert device.version() == "mien, version 1.0"
    assert device.releases() == ["1.0"]
    last = history(device)[-1]
    assert last["outcome"] == outcome
    assert last["before"] == "1.0"
    assert last["reason"]
    assert last["reason"] in line


def test_a_first_installation(installed, workshop):
    assert installed.current() == "1.0"
    assert installed.version() == "mien, version 1.0"
    release = installed.prefix / "releases" / "1.0"
    assert not (release / "wheels").exists()
    assert (release / "models" / "made.tflite").read_bytes() == b"made"
    # No file names the folder in which the release was staged.
    for path in (release / "venv" / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            assert ".staging" not in path.read_text()
    status = json.loads(installed.run_installer("status", "--json").out)
    assert status["current"] == "1.0"
    assert status["previous"] is None
    assert [attempt["outcome"] for attempt in status["history"]] == ["activated"]


@pytest.mark.slow
def test_an_update_a_rollback_and_pruning(updatable, workshop):
    for version in ("1.1", "1.2"):
        # The key is trusted by now, so it need not be passed.
        done = updatable.run("install", workshop.bundle(version), "--frames", 5)
        assert done.code == 0, done.err
    assert updatable.current() == "1.2"
    assert updatable.releases() == ["1.0", "1.1", "1.2"]
    assert updatable.run("rollback", "--frames", 5).code == 0
    assert updatable.current() == "1.1"
    assert updatable.version() == "mien, version 1.1"
    assert updatable.install(workshop.bundle("1.3")).code == 0
    # 1.0 is removed, because 1.2 was current more recently.
    assert updatable.releases() == ["1.1", "1.2", "1.3"]
    status = json.loads(updatable.run("status", "--json").out)
    assert (status["current"], status["previous"]) == ("1.3", "1.1")
    assert updatable.run("rollback", "--to", "1.2", "--force").code == 0
    assert updatable.version() == "mien, version 1.2"
    assert "1.2" in updatable.run("status").out.splitlines()[0]


def test_the_same_bundle_again_changes_nothing(updatable, workshop):
    before = sorted(path for path in updatable.prefix.rglob("*"))
    done = updatable.install(workshop.bundle("1.0"))
    assert done.code == 0
    assert "current release already" in done.out
    assert sorted(path for path in updatable.prefix.rglob("*")) == before


def test_another_bundle_of_the_same_version_is_rejected(updatable, workshop):
    assert_rejected(updatable, updatable.install(workshop.bundle("1.0", commit="abc")), "another release 1.0")


@pytest.mark.parametrize(
    ("how", "limit_s", "words"),
    [
        ("crashes", 20, "the model is damaged"),
        ("rejects", 20, "unknown key"),
        # What never becomes healthy takes all of the time allowed.
        ("silent", 3, "0 of 5 inferences"),
        ("unready", 3, "without becoming ready"),
        ("nonsense", 3, "0 of 5 inferences"),
    ],
)
def test_an_unhealthy_release_never_becomes_current(updatable, workshop, how, limit_s, words):
    done = updatable.install(workshop.bundle("2.0", how=how), "--limit", limit_s)
    assert_rejected(updatable, done, words, outcome="unhealthy")
    assert "2.0: unhealthy" in updatable.run("status").out


def test_an_older_version_is_installed_only_with_the_option(updatable, workshop):
    older = workshop.bundle("0.9")
    assert_rejected(updatable, updatable.install(older), "older than the current 1.0", "--allow-older")
    assert updatable.install(older, "--allow-older").code == 0
    assert updatable.current() == "0.9"


def test_the_newest_release_ever_installed_is_the_floor(updatable, workshop):
    """After a rollback, too: what came between may have the flaw that the newest one fixed."""
    assert updatable.install(workshop.bundle("2.0")).code == 0
    assert updatable.run("rollback", "--force").code == 0
    assert updatable.current() == "1.0"
    done = updatable.install(workshop.bundle("1.5"))
    assert "1.5 is older than the release that was installed before, 2.0: add --allow-older" in done.error_line()
    # What is current may be installed again.
    assert "current release already" in updatable.install(workshop.bundle("1.0")).out
    assert updatable.install(workshop.bundle("1.5"), "--allow-older").code == 0


def test_another_key_is_rejected(updatable, workshop, tmp_path):
    generate_keys(tmp_path / "theirs")
    theirs = workshop.bundle("2.0", key=tmp_path / "theirs")
    assert_rejected(updatable, updatable.install(theirs), "does not match the public key")
    assert_rejected(updatable, updatable.run("install", theirs), "does not match the public key")


def test_a_first_installation_without_a_key_asks_for_one(device, workshop):
    done = device.run("install", workshop.bundle("1.0"))
    assert done.code == 1
    assert "--pubkey" in done.error_line()
    assert device.current() is None


@pytest.mark.parametrize(
    ("size", "complaint"), [(0, "not a bundle"), (100, "not a bundle"), ("30 %", "truncated"), ("60 %", "truncated")]
)
def test_a_truncated_bundle_is_rejected(updatable, workshop, tmp_path, size, complaint):
    content = workshop.bundle("2.0").read_bytes()
    cut = tmp_path / "cut.bundle"
    cut.write_bytes(content[: size if isinstance(size, int) else len(content) * int(size.split()[0]) // 100])
    assert_rejected(updatable, updatable.install(cut), complaint)


def test_a_missing_bundle_is_rejected(updatable, tmp_path):
    assert_rejected(updatable, updatable.install(tmp_path / "none"), "No such file")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"python": "3.99"}, "for Python 3.99"),
        ({"arch": "riscv64"}, "for riscv64"),
        ({"installed_bytes": 10**15}, "MB free"),
    ],
)
def test_a_bundle_for_another_machine_is_rejected(updatable, workshop, values, words):
    assert_rejected(updatable, updatable.install(workshop.bundle("2.0", **values)), words)


def test_a_python_without_venv_names_the_package_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "venv" else found(name))
    manifest = Manifest("1", "bookworm", host_checks.platform.machine(), PYTHON, "m", "", 0, 0, True, ())
    with pytest.raises(DeployError, match="apt install python3-venv"):
        host_checks.find_python(manifest)


def test_a_prefix_that_cannot_be_written_is_one_error_line(device, workshop):
    device.prefix.parent.mkdir(parents=True)
    device.prefix.write_text("a file")
    done = device.install(workshop.bundle("1.0"))
    assert done.code == 1
    assert "cannot write" in done.error_line()


def test_two_installers_exclude_each_other(updatable, workshop):
    with (updatable.prefix / "state" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = updatable.install(workshop.bundle("2.0"))
        assert done.code == 1
        assert "another installation is in progress" in done.error_line()
    assert updatable.install(workshop.bundle("2.0")).code == 0


def test_the_installation_goes_on_when_its_reader_is_gone(updatable, workshop):
    """As when an ssh connection is lost."""
    command = updatable.command("install", workshop.bundle("2.0"), "--verbose", "--frames", 5)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    process.stdout.close()
    process.stderr.close()
    process.wait(100)
    assert updatable.current() == "2.0"
    assert history(updatable)[-1]["outcome"] == "activated"


def test_wrong_use_exits_2(device):
    assert "nothing is installed" in device.run("status").out
    assert device.run_installer("install").code == 2
    assert device.run("rollback").code == 1
    assert device.run("nonsense-command-that-is-no-file").code == 1


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_release(workshop, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    options = ["-t", "tmpfs", "-o", "size=7m", "tmpfs", str(mount)]
    if os.geteuid() or subprocess.run(["mount", *options], capture_output=True).returncode:
        pytest.skip("cannot mount a small file system: that needs root")
    try:
        device = Device(workshop, mount / "mien")
        assert device.install(workshop.bundle("1.0")).code == 0
        # There is room for what the manifest announces, but not for the installed release.
        ballast = os.urandom(4_000_000)
        done = device.install(workshop.bundle("2.0", ballast=ballast, installed_bytes=0))
        assert_rejected(device, done, "space", outcome="failed")
        (mount / "filler").write_bytes(b"x" * 6_900_000)
        done = device.install(workshop.bundle("2.1", installed_bytes=1_000_000))
        assert_rejected(device, done, "MB free", outcome="refused")
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("mask", [0o077, 0o000], ids=["077", "000"])
def test_the_umask_of_the_installing_user_does_not_matter(device, workshop, mask):
    before = os.umask(mask)
    try:
        assert device.install(workshop.bundle("1.0")).code == 0
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    for path in (device.prefix, *device.prefix.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        assert not mode & 0o022, path
        assert mode & 0o044 == 0o044 or path.suffix in (".lock", ".toml"), path
        if path.is_dir():
            assert mode & 0o055 == 0o055, path


def test_a_rollback_stays_in_the_store(updatable, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(updatable.prefix / "releases" / "1.0", elsewhere, symlinks=True)
    for to in (f"../../../{elsewhere.name}", str(elsewhere), "1.0/../1.0", "..", "", ".staging"):
        done = updatable.run("rollback", "--to", to, "--force")
        assert done.code == 1
        assert "Traceback" not in done.err
        assert updatable.current() == "1.0"


def test_the_limit_bounds_the_check_of_the_configuration(updatable, workshop):
    begin_s = time.monotonic()
    done = updatable.install(workshop.bundle("2.0", "stuck"), "--limit", 2)
    assert time.monotonic() - begin_s < 60
    assert_rejected(updatable, done, "cannot use", "ran out of time after 2 s", outcome="unhealthy")


def test_the_end_of_the_self_test_has_a_share_of_the_limit(updatable, workshop, monkeypatch):
    """A release takes 2 s to end: a machine that is granted 20 s for the self-test waits 5 s for that, and not 1 s."""
    monkeypatch.setattr(health_gate, "_EXIT_LIMIT_S", 1)
    assert updatable.install(workshop.bundle("2.0", "slow-to-end"), "--limit", 20).code == 0
    store = ReleaseStore(updatable.prefix)
    release, manifest = store.release("2.0"), store.manifest("2.0")
    check_health(release, manifest, 5, 20)
    with pytest.raises(UnhealthyError, match="did not end within 1 s after SIGTERM"):
        check_health(release, manifest, 5, 3)


def test_only_its_owner_reads_the_configuration_of_a_release(updatable):
    config = updatable.prefix / "releases" / "1.0" / "config" / "mien.toml"
    assert config.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def public_folder():
    """A folder that every user may enter, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="mien-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user: sudo make test")
def test_a_release_is_tried_as_a_user_without_rights(workshop, public_folder):
    identity = unprivileged()
    if identity is None:
        pytest.skip("this user namespace has no other user")
    device = Device(workshop, public_folder / "mien")
    # The tests' own Python may lie in root's home.
    python = shutil.which(f"python{PYTHON}", path="/usr/bin")
    if python is None:
        pytest.skip(f"no /usr/bin/python{PYTHON}: apt-get install python3-venv")
    command = [python, *device.command("install", workshop.bundle("1.0"), "--pubkey", workshop.pubkey)[1:]]
    done = subprocess.run([*command, "--frames", "5", "--limit", "20"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    store = ReleaseStore(device.prefix)
    release, manifest = store.release("1.0"), store.manifest("1.0")
    # The configuration is readable by root alone, and the self-test still reads it.
    check_health(release, manifest, 5, 20, identity=identity)
    # What root can start, the service's user cannot.
    release.chmod(0o700)
    check_health(release, manifest, 5, 20)
    with pytest.raises(UnhealthyError, match="Permission denied"):
        check_health(release, manifest, 5, 20, identity=identity)
