"""What is asked of systemd after a release has become the current one; systemctl is a fake."""

import os

import pytest

from deploy.device import service as service_module
from deploy.device.release_store import DEFAULT_PREFIX, ReleaseStore
from deploy.device.service import Service
from edge.errors import DeployError, UnhealthyError


class Systemd:
    """A machine with a fake systemctl, which records the commands and answers as configured."""

    def __init__(self, folder, monkeypatch):
        self.root, self.log = folder / "root", folder / "log"
        self.release = folder / "release"
        for path, text in {"config/mien.toml": "source = 'demo'\n", "systemd/mien.service": "[Service]\n"}.items():
            (self.release / path).parent.mkdir(parents=True)
            (self.release / path).write_text(text)
        (self.root / "etc/systemd/system").mkdir(parents=True)
        (folder / "bin").mkdir()
        self._program = folder / "bin" / "systemctl"
        self.set_answers()
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setattr(service_module, "_BOOTED", folder)
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    def set_answers(self, state="inactive", restart=0):
        self._program.write_text(
            f'#!/bin/sh\necho "$*" >> {self.log}\n'
            f'case "$1" in is-active) echo {state} ;; restart) echo it failed >&2; exit {restart} ;; esac\n'
        )
        self._program.chmod(0o755)

    def commands(self):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def service(self, prefix=DEFAULT_PREFIX):
        return Service(ReleaseStore(prefix), self.root)


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    return Systemd(tmp_path, monkeypatch)


def test_a_first_release_installs_unit_and_configuration_and_starts_nothing(systemd):
    assert systemd.service().config is None
    note = systemd.service().update(systemd.release)
    assert "systemctl enable --now mien" in note
    assert (systemd.root / "etc/systemd/system/mien.service").read_text() == "[Service]\n"
    assert systemd.commands() == ["daemon-reload", "is-active mien.service"]
    assert systemd.service().config.read_text() == "source = 'demo'\n"


def test_a_running_service_is_restarted_and_keeps_its_configuration(systemd):
    systemd.service().update(systemd.release)
    systemd.commands()
    (systemd.root / "etc/mien/mien.toml").write_text("source = 'camera:0'\n")
    systemd.set_answers("active")
    assert "restarted" in systemd.service().update(systemd.release)
    assert systemd.commands() == ["is-active mien.service", "restart mien.service"]
    assert systemd.service().config.read_text() == "source = 'camera:0'\n"


def test_a_service_that_ran_before_and_no_longer_starts_is_unhealthy(systemd):
    systemd.set_answers("active", restart=1)
    with pytest.raises(UnhealthyError, match="it failed"):
        systemd.service().update(systemd.release)


def test_a_service_that_did_not_run_before_is_not_the_release_s_fault(systemd):
    systemd.set_answers("activating", restart=1)
    assert "journalctl" in systemd.service().update(systemd.release)


def test_a_service_without_a_bundle_is_not_replaced(systemd):
    systemd.service().require_free()
    unit = systemd.root / "etc/systemd/system/mien.service"
    unit.write_bytes(service_module.OWN_UNIT_MARK + b" for /opt/mien-venv\n[Service]\n")
    with pytest.raises(DeployError, match="sudo mien service uninstall --keep-config"):
        systemd.service().require_free()
    unit.write_text("[Service]\n")
    systemd.service().require_free()


def test_another_prefix_has_no_service(systemd, tmp_path):
    assert systemd.service(tmp_path).update(systemd.release) == ""
    assert systemd.commands() == []
