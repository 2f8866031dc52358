"""The unit of `mien service install`: the shipped one, and whose a unit is."""

from pathlib import Path

import pytest

from deploy.service.service_unit import SHIPPED_UNIT, render_unit, require_own_unit, unit_owner
from edge.errors import DeployError


def test_only_exec_start_and_the_first_line_differ_from_the_shipped_unit():
    shipped = SHIPPED_UNIT.read_text().splitlines()
    made = render_unit(Path("/opt/mien-venv/bin/mien")).decode().splitlines()
    different = [(old, new) for old, new in zip(shipped, made, strict=True) if old != new]
    assert different[0][1].startswith("# Written by `mien service install` for /opt/mien-venv;")
    assert different[1:] == [
        (
            "ExecStart=/opt/mien/current/venv/bin/mien run --config /etc/mien/mien.toml",
            "ExecStart=/opt/mien-venv/bin/mien run --config /etc/mien/mien.toml",
        )
    ]


@pytest.mark.parametrize("path", ["/opt/my venv/bin/mien", "/opt/%h/bin/mien", "/opt/$X/mien", "/opt/é/mien", 'a"b'])
def test_a_path_that_systemd_would_misread_is_rejected(path):
    with pytest.raises(DeployError, match="systemd cannot start"):
        render_unit(Path(path))


def test_whose_a_unit_is(machine):
    files = machine.files
    assert unit_owner(files) == "none"
    require_own_unit(files)
    files.unit.write_bytes(render_unit(Path("/opt/mien-venv/bin/mien")))
    assert unit_owner(files) == "service"
    require_own_unit(files)
    files.unit.write_bytes(SHIPPED_UNIT.read_bytes())
    assert unit_owner(files) == "other"
    with pytest.raises(DeployError, match=r"^/etc/systemd/system/mien.service was not written by"):
        require_own_unit(files)
    (machine.root / "opt/mien").mkdir(parents=True)
    (machine.root / "opt/mien/current").symlink_to("releases/1.0")
    for has_unit in (True, False):
        assert unit_owner(files) == "deploy"
        with pytest.raises(DeployError, match="manages this device"):
            require_own_unit(files)
        if has_unit:
            files.unit.unlink()
