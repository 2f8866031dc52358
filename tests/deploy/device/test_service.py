"""What systemd is told after a release has become the current one; systemctl is made."""

import os

import pytest

from deploy.device import service as service_module
from deploy.device.release_store import DEFAULT_PREFIX, Prefix
from deploy.device.service import Service
from edge.errors import UnhealthyError


class Systemd:
    """A machine with a made systemctl, which writes down what it is asked and answers as told."""

    def __init__(self, folder, monkeypatch):
        self.root, self.log = folder / "root", folder / "log"
        self.release = folder / "release"
        for path, text in {"config/mien.toml": "source = 'demo'\n", "systemd/mien.service": "[Service]\n"}.items():
            (self.release / path).parent.mkdir(parents=True)
            (self.release / path).write_text(text)
        (self.root / "etc/systemd/system").mkdir(parents=True)
        (folder / "bin").mkdir()
        self._program = folder / "bin" / "systemctl"
        self.answers()
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setattr(service_module, "_BOOTED", folder)
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    def answers(self, state="inactive", restart=0):
        self._program.write_text(
            f'#!/bin/sh\necho "$*" >> {self.log}\n'
            f'case "$1" in is-active) echo {state} ;; restart) echo it failed >&2; exit {restart} ;; esac\n'
        )
        self._program.chmod(0o755)

    def asked(self):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def service(self, prefix=DEFAULT_PREFIX):
        return Service(Prefix(prefix), self.root)


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    return Systemd(tmp_path, monkeypatch)


def test_a_first_release_brings_unit_and_configuration_and_starts_nothing(systemd):
    assert systemd.service().config is None
    said = systemd.service().adopt(systemd.release)
    assert "systemctl enable --now mien" in said
    assert (systemd.root / "etc/systemd/system/mien.service").read_text() == "[Service]\n"
    assert systemd.asked() == ["daemon-reload", "is-active mien.service"]
    assert systemd.service().config.read_text() == "source = 'demo'\n"


def test_a_running_service_is_restarted_and_its_configuration_stays(systemd):
    systemd.service().adopt(systemd.release)
    systemd.asked()
    (systemd.root / "etc/mien/mien.toml").write_text("source = 'camera:0'\n")
    systemd.answers("active")
    assert "restarted" in systemd.service().adopt(systemd.release)
    assert systemd.asked() == ["is-active mien.service", "restart mien.service"]
    assert systemd.service().config.read_text() == "source = 'camera:0'\n"


def test_a_service_that_ran_and_does_not_any_more_is_unhealthy(systemd):
    systemd.answers("active", restart=1)
    with pytest.raises(UnhealthyError, match="it failed"):
        systemd.service().adopt(systemd.release)


def test_one_that_did_not_run_before_is_not_the_release_s_fault(systemd):
    systemd.answers("activating", restart=1)
    assert "journalctl" in systemd.service().adopt(systemd.release)


def test_another_prefix_is_none_of_systemd_s_business(systemd, tmp_path):
    assert systemd.service(tmp_path).adopt(systemd.release) == ""
    assert systemd.asked() == []
