"""The device's commands without click: `python3 install.py BUNDLE`, for a Raspberry Pi without mien."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from pathlib import Path

from deploy.device.health_gate import FRAMES, LIMIT_S
from deploy.device.install_status import as_text, read_status
from deploy.device.installation import InstallOptions, install
from deploy.device.probation import PROBATION_S
from deploy.device.probation_unit import ProbationUnit
from deploy.device.probation_watch import watch
from deploy.device.progress import ignore_step, print_step
from deploy.device.release_store import DEFAULT_PREFIX, ReleaseStore
from deploy.device.reversion import roll_back
from deploy.device.service import Service
from edge.errors import MienError

_COMMANDS = {
    "install": "install a bundle",
    "rollback": "go back to an earlier release",
    "status": "show what is installed, and the last attempts",
    "probation": "watch a release that is on probation; the unit mien-probation runs this",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line; the path of a bundle alone installs it.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong use, 130 stopped by Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] not in (*_COMMANDS, "-h", "--help"):
        given = ["install", *given]
    options = _parser().parse_args(given)
    report_step = print_step if getattr(options, "verbose", False) else ignore_step
    store = ReleaseStore(options.prefix)
    try:
        if options.command == "install":
            chosen = InstallOptions(
                options.pubkey, options.allow_older, options.frames, options.limit, options.probation, _own_source()
            )
            print(install(options.bundle, store, chosen, report_step))
        elif options.command == "rollback":
            print(roll_back(store, options.to, options.force, options.frames, options.limit, report_step))
        elif options.command == "probation":
            watch(store, Service(store), ProbationUnit(store), print)
        else:
            status = read_status(store)
            print(json.dumps(status, indent=2) if options.json else as_text(status))
    except (MienError, OSError, KeyboardInterrupt) as error:
        if options.debug:
            traceback.print_exc()
        _print_error(f"mien deploy: {str(error) or 'stopped'}")
        return 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1)
    return 0


def _own_source() -> bytes | None:
    """The file that this program is; None where its modules are imported from a package."""
    own = sys.modules["__main__"]
    return Path(str(own.__file__)).read_bytes() if hasattr(own, "SOURCES") else None


def _print_error(line: str) -> None:
    """Print a line to standard error. On a full disk, or without a reader, the exit status still states the result."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        # The interpreter would try again on exit, fail, and change the exit status.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mien deploy", description="Install bundles of mien, roll back, and show what is installed."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="|".join(_COMMANDS))
    parsers = {name: commands.add_parser(name, help=text, description=text) for name, text in _COMMANDS.items()}
    for command in parsers.values():
        command.add_argument(
            "--prefix",
            type=Path,
            default=DEFAULT_PREFIX,
            metavar="DIR",
            help=f"where mien is installed; default: {DEFAULT_PREFIX}",
        )
        command.add_argument("--debug", action="store_true", help="show a traceback if the command fails")
    for command in (parsers["install"], parsers["rollback"]):
        command.add_argument(
            "--frames",
            type=int,
            default=FRAMES,
            metavar="N",
            help=f"inferences that the self-test must finish; default: {FRAMES}",
        )
        command.add_argument(
            "--limit",
            type=float,
            default=LIMIT_S,
            metavar="SECONDS",
            help=f"seconds allowed for the self-test; default: {LIMIT_S:.0f}",
        )
        command.add_argument("--verbose", action="store_true", help="print each step to standard error")
    parsers["install"].add_argument("bundle", type=Path, help="the file that `mien deploy bundle` wrote")
    parsers["install"].add_argument(
        "--pubkey", type=Path, metavar="FILE", help="public key of the signer; required for the first installation only"
    )
    parsers["install"].add_argument(
        "--allow-older", action="store_true", help="also install a version older than the current one"
    )
    parsers["install"].add_argument(
        "--probation",
        type=float,
        default=PROBATION_S,
        metavar="SECONDS",
        help="for how long the service must then run, else the release before comes back; 0: no probation; "
        f"default: {PROBATION_S:.0f}",
    )
    parsers["rollback"].add_argument("--to", metavar="VERSION", help="default: the release that was current before")
    parsers["rollback"].add_argument("--force", action="store_true", help="skip the self-test")
    parsers["status"].add_argument("--json", action="store_true", help="print one JSON object")
    return parser
