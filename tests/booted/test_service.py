"""A real bundle in a system that systemd has booted, and what happens to it there: `make test-booted`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_mien

FOLDER = Path(__file__).parent
PACKAGES = "systemd,systemd-sysv,dbus,openssl,python3,python3-venv,procps"
#: A unit of the container's own that tells the story once everything is up.
STORY = """[Unit]
After=basic.target
[Service]
Type=idle
ExecStart=/bin/bash /opt/inbox/story.sh
[Install]
WantedBy=multi-user.target
"""

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Word to how the service was then; the lines of the journal; and what else was said."""
    for name, package in (("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap")):
        if shutil.which(name) is None:
            pytest.skip(f"no {name}: apt-get install {package}")
    if os.geteuid():
        pytest.skip("only root may boot a system: sudo make test-booted")
    folder, root = tmp_path_factory.mktemp("made"), ROOT / "build" / "booted" / "bookworm"
    if not root.with_suffix(".ready").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.parent.mkdir(parents=True, exist_ok=True)
        kind = ("--quiet", "--variant=minbase", f"--include={PACKAGES}")
        subprocess.run(["mmdebstrap", *kind, "bookworm", root], check=True)
        root.with_suffix(".ready").touch()
    target = ("--target", "bookworm", "--arch", os.uname().machine)
    for arguments in (
        ("keygen", "--out", folder / "key"),
        ("installer", "--out", folder / "install.py"),
        ("bundle", *target, "--key", folder / "key", "--version", "1.0", "--out", folder / "bundle"),
    ):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err
    for name in ("opt", "etc/mien", "var/log/journal", "var/lib/private/mien", "etc/systemd/system/mien.service.d"):
        shutil.rmtree(root / name, ignore_errors=True)
    units = root / "etc/systemd/system"
    for name in ("mien.service", "multi-user.target.wants/mien.service"):
        (units / name).unlink(missing_ok=True)
    inbox = root / "opt" / "inbox"
    inbox.mkdir(parents=True)
    for path in (folder / "key.pub", folder / "install.py", folder / "bundle", FOLDER / "story.sh"):
        shutil.copy(path, inbox)
    (units / "story.service").write_text(STORY)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    wanted = units / "multi-user.target.wants" / "story.service"
    wanted.unlink(missing_ok=True)
    wanted.symlink_to("../story.service")
    # No network: nothing is fetched.
    boot = ("systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "--keep-unit", "--private-network")
    done = subprocess.run([*boot, "--boot"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200)
    said = inbox / "told"
    assert said.exists(), done.stdout[-3000:] + done.stderr
    text = said.read_text()
    states = {
        match[1]: dict(pair.split("=", 1) for pair in match[2].split(";") if pair)
        for match in re.finditer(r"^(\w+): (.*=.*)$", text, re.MULTILINE)
    }
    return states, (inbox / "journal").read_text() if (inbox / "journal").exists() else "", text


def is_running(state, restarts):
    return (state["ActiveState"], state["SubState"], state["NRestarts"]) == ("active", "running", restarts)


def test_it_starts_bounded_and_with_its_secrets(told):
    states, _, text = told
    assert "1.0 is the current release; start it with  sudo systemctl enable --now mien" in text
    assert is_running(states["started"], "0"), text
    assert states["started"]["StatusText"].startswith("demo: ")
    # A filter of system calls, and no capability.
    assert "Seccomp:2" in text
    assert "NoNewPrivs:1" in text
    assert "CapEff:0000000000000000" in text
    assert "cam secret" in text


def test_it_reads_its_configuration_again(told):
    states, journal, _ = told
    assert is_running(states["reloaded"], "0")
    assert "mien: the configuration was read again" in journal


def test_one_that_hangs_says_where_and_begins_anew(told):
    states, journal, _ = told
    assert is_running(states["watched"], "1")
    assert "Watchdog timeout (limit 20s)" in journal
    assert "Fatal Python error: Aborted" in journal
    assert "edge/pipeline/loop.py" in journal


def test_one_that_is_killed_begins_anew(told):
    assert is_running(told[0]["killed"], "2")


def test_a_live_source_works_within_the_same_bounds(told):
    states, journal, text = told
    assert is_running(states["live"], "0"), text
    assert "scripted:/opt/inbox/camera is online" in journal


def test_a_wrong_configuration_ends_it_for_good(told):
    states, journal, _ = told
    assert (states["wrong"]["ActiveState"], states["wrong"]["ExecMainStatus"]) == ("failed", "2")
    assert states["wrong"]["NRestarts"] == "0"
    assert "unknown key 'sourse': did you mean source?" in journal
