"""The unit of the service: the one that ships with mien, started from another environment; and whose a unit is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from deploy.device.service import OWN_UNIT_MARK
from deploy.service.service_files import ServiceFiles
from edge.errors import DeployError

#: The unit that ships with mien, and that bundles carry.
SHIPPED_UNIT = Path(__file__).parents[1] / "systemd" / "mien.service"
#: Who has written the unit of a machine: nobody, `mien service install`, `mien deploy`, or somebody else.
Owner = Literal["none", "service", "deploy", "other"]
_EXEC_START = re.compile(r"^ExecStart=\S+", re.MULTILINE)
_ABOUT = re.compile(r"\A#.*\n")
#: What systemd takes as it is; it would expand % and $, and split at white space.
_PLAIN_PATH = re.compile(r"/[\w/.+@~-]+", re.ASCII)


def render_unit(mien: Path) -> bytes:
    """Return the shipped unit, with another command in ExecStart and a first line that states where it comes from.

    Args:
        mien: absolute path of the `mien` command.

    Raises:
        DeployError: systemd would misread the path.
    """
    if not _PLAIN_PATH.fullmatch(str(mien)):
        raise DeployError(
            f"systemd cannot start {str(mien)!r}: expected a path of ASCII letters, digits and . _ + @ ~ - only; "
            "create the environment elsewhere, such as /opt/mien-venv"
        )
    text, count = _EXEC_START.subn(f"ExecStart={mien}", SHIPPED_UNIT.read_text("utf-8"))
    assert count == 1
    about = f"{OWN_UNIT_MARK.decode()} for {mien.parent.parent}; `mien service uninstall` removes it.\n"
    return _ABOUT.sub(lambda _: about, text).encode()


def unit_owner(files: ServiceFiles) -> Owner:
    """Find out who has written the machine's unit, and thereby who may replace or remove it."""
    try:
        unit = files.unit.read_bytes()
    except FileNotFoundError:
        return "deploy" if files.has_release else "none"
    if unit.startswith(OWN_UNIT_MARK):
        return "service"
    return "deploy" if files.has_release else "other"


def require_own_unit(files: ServiceFiles) -> None:
    """Check that a unit that exists may be replaced or removed.

    Raises:
        DeployError: `mien deploy` or somebody else has written it.
    """
    owner = unit_owner(files)
    if owner == "deploy":
        raise DeployError(
            "`mien deploy` manages this device (/opt/mien/current exists): expected a device without a release; use "
            "`mien deploy install` and `rollback`, or remove the release first (the tutorial's section Removal)"
        )
    if owner == "other":
        raise DeployError(
            f"{files.shown(files.unit)} was not written by `mien service install`: expected no unit of this name; "
            "remove it, or keep it and use systemctl"
        )
