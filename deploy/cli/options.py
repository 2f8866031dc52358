"""Options that several commands of `mien deploy` share."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.device.health_gate import FRAMES, LIMIT_S
from deploy.device.probation import PROBATION_S
from deploy.device.release_store import DEFAULT_PREFIX
from edge.cli.duration import Seconds
from edge.system.operating_system import require_linux

prefix = click.option(
    "--prefix",
    type=click.Path(path_type=Path),
    default=DEFAULT_PREFIX,
    show_default=True,
    metavar="DIR",
    help="Where mien is installed.",
)
frames = click.option(
    "--frames",
    type=click.IntRange(1),
    default=FRAMES,
    show_default=True,
    metavar="N",
    help="Inferences that the self-test must finish.",
)
limit = click.option(
    "--limit",
    type=Seconds(1),
    default=LIMIT_S,
    show_default=True,
    metavar="SECONDS",
    help="Time allowed for the self-test.",
)
probation = click.option(
    "--probation",
    type=Seconds(0),
    default=PROBATION_S,
    show_default=True,
    metavar="SECONDS",
    help="How long the service must run after the switch; if it ends in that time, the release before comes back. "
    "0: no probation.",
)
pubkey = click.option(
    "--pubkey",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Public key of the signer; the device trusts it from the first installation on, so later ones do not need it.",
)
allow_older = click.option("--allow-older", is_flag=True, help="Also install a version older than the current one.")
verbose = click.option("--verbose", is_flag=True, help="Print each step to standard error.")


def require_device(command: str) -> None:
    """Check that a release can be installed on this machine.

    Raises:
        WrongUseError: it is not Linux.
    """
    require_linux(command, "run it on the device, or install from here with `mien deploy push`")
