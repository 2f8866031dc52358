"""What is written, that a failure leaves nothing, and that a removal removes all of it; systemctl is a stand-in."""

import os
import signal

import pytest

from deploy.service.file_changes import FileChanges
from deploy.service.preparation import ServicePlan
from deploy.service.removal import uninstall_service
from deploy.service.service_installation import install_service
from edge.errors import DeployError

PLAN = ServicePlan(
    b"# Written by `mien service install` for here\n[Service]\n",
    b'source = "demo"\n',
    {"preview-token": b"0123456789abcdef\n"},
    {"blazeface.tflite": b"weights"},
    None,
    False,
)


def ignore(line):
    pass


def test_an_installation_writes_everything_and_starts_the_service(machine):
    install_service(PLAN, machine.files, machine.systemd, ignore)
    assert machine.files.unit.read_bytes() == PLAN.unit
    assert machine.files.config.read_bytes() == PLAN.config
    assert machine.files.config.stat().st_mode & 0o777 == 0o644
    token = machine.files.credentials / "preview-token"
    assert (token.stat().st_mode & 0o777, token.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (machine.files.cache / "blazeface.tflite").read_bytes() == b"weights"
    assert machine.commands() == ["daemon-reload", "enable mien.service", "restart --no-block mien.service"]


def test_without_a_start_nothing_is_enabled(machine):
    install_service(PLAN, machine.files, machine.systemd, ignore, starts=False)
    assert machine.commands() == ["daemon-reload"]


def test_a_service_that_does_not_start_leaves_nothing(machine):
    before = machine.tree()
    machine.set_outcome("failed", "mien: starting\nmien: no camera at /dev/video7\n")
    with pytest.raises(DeployError, match=r"^the service does not start: no camera at /dev/video7$"):
        install_service(PLAN, machine.files, machine.systemd, ignore)
    assert machine.tree() == before
    assert machine.commands()[3:] == [
        "stop mien.service", "disable mien.service", "reset-failed mien.service", "daemon-reload",
    ]  # fmt: skip


def test_a_start_that_takes_long_shows_each_line_of_the_journal_once(machine, monkeypatch):
    monkeypatch.setattr("deploy.service.systemctl._POLL_S", 0)
    machine.set_outcome("active", "mien: rtsp://camera.local is offline\n", pending=6)
    lines = []
    install_service(PLAN, machine.files, machine.systemd, lines.append)
    assert lines[1:] == ["rtsp://camera.local is offline"]


def test_a_service_without_a_line_in_the_journal_has_systemd_s_result_as_the_reason(machine):
    machine.set_outcome("activating")
    with pytest.raises(DeployError, match="result exit-code"):
        install_service(PLAN, machine.files, machine.systemd, ignore)


def test_a_systemctl_that_fails_leaves_nothing(machine):
    before = machine.tree()
    machine.set_outcome("active", reload=1)
    with pytest.raises(DeployError, match="systemctl daemon-reload fails"):
        install_service(PLAN, machine.files, machine.systemd, ignore)
    assert machine.tree() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_starts_leaves_nothing(machine, number):
    before = machine.tree()
    # A shell starts a background process with SIGINT ignored, and Python leaves it so.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            install_service(PLAN, machine.files, machine.systemd, lambda line: os.kill(os.getpid(), number))
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert machine.tree() == before


def test_a_failure_restores_the_service_that_was_there(machine):
    install_service(PLAN, machine.files, machine.systemd, ignore)
    before, machine.lines = machine.tree(), machine.commands()
    machine.set_outcome("failed", "mien: it is broken\n", was_running=True)
    other = ServicePlan(PLAN.unit + b"# new\n", b'source = "none"\n', {"preview-token": b"other"}, {}, None, False)
    with pytest.raises(DeployError, match="it is broken"):
        install_service(other, machine.files, machine.systemd, ignore)
    assert machine.tree() == before
    assert machine.files.unit.read_bytes() == PLAN.unit
    assert machine.files.config.read_bytes() == PLAN.config
    token = machine.files.credentials / "preview-token"
    assert (token.read_bytes(), token.stat().st_mode & 0o777) == (PLAN.credentials["preview-token"], 0o600)
    assert machine.commands()[-2:] == ["enable mien.service", "start --no-block mien.service"]


def test_a_removal_removes_everything_and_can_be_repeated(machine):
    before = machine.tree()
    install_service(PLAN, machine.files, machine.systemd, ignore)
    machine.files.drop_ins.mkdir()
    (machine.files.drop_ins / "override.conf").touch()
    machine.commands()
    removed = list(uninstall_service(machine.files, machine.systemd, keeps_config=False))
    assert machine.files.unit in removed
    assert machine.tree() == before
    assert machine.commands()[0] == "stop mien.service"
    assert list(uninstall_service(machine.files, machine.systemd, keeps_config=False)) == []


def test_a_removal_can_keep_the_configuration(machine):
    install_service(PLAN, machine.files, machine.systemd, ignore)
    list(uninstall_service(machine.files, machine.systemd, keeps_config=True))
    assert machine.files.config.read_bytes() == PLAN.config
    assert not machine.files.unit.exists()
    assert not machine.files.cache.exists()


def test_a_link_in_a_folder_of_another_user_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "cache" / "weights").symlink_to(tmp_path / "precious")
    changes = FileChanges()
    changes.write_among_others(tmp_path / "cache", "weights", b"new")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "cache" / "weights").is_symlink()
    assert (tmp_path / "cache" / "weights").read_bytes() == b"new"
    changes.undo()
    assert list((tmp_path / "cache").iterdir()) == []
