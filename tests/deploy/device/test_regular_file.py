"""Pipes and devices in place of a bundle or of keys: an error of one line at once."""

import os
import subprocess

import pytest

from tests.edge.system.test_regular_files import KINDS, make


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_and_a_key_are_regular_files(kind, device, workshop, invoke, tmp_path):
    path = make(kind, tmp_path / "given")
    done = device.install(path)
    assert done.code == 1
    assert "cannot read the bundle" in done.error_line()
    done = device.run("install", workshop.bundle("1.0"), "--pubkey", path)
    assert done.code == 1
    assert "cannot read the public key" in done.error_line()
    for arguments in (
        ("push", "host", workshop.bundle("1.0"), "--pubkey", path),
        ("push", "host", path),
        ("bundle", "--target", "trixie", "--key", path, "--out", tmp_path / "out"),
    ):
        done = invoke("deploy", *arguments)
        assert done.code == 2
        assert "given" in done.error_line()


def test_the_installer_keeps_its_exit_status_without_a_reader_of_its_errors(device, tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(device.command("install", tmp_path / "none"), stderr=full, env=clean)
    assert done.returncode == 1
