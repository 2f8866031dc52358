"""The device's commands without click: `python3 install.py BUNDLE`, for a Pi that has no mien yet."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path

from deploy.device.health_gate import FRAMES, LIMIT_S
from deploy.device.install_status import as_text, status
from deploy.device.installation import InstallOptions, install
from deploy.device.progress import say, say_nothing
from deploy.device.release_store import DEFAULT_PREFIX, Prefix
from deploy.device.reversion import roll_back
from edge.errors import MienError

_COMMANDS = ("install", "rollback", "status")


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line; a bundle's path alone installs it.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong use, 130 stopped by Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] not in (*_COMMANDS, "-h", "--help"):
        given = ["install", *given]
    options = _parser().parse_args(given)
    announce, prefix = say if getattr(options, "verbose", False) else say_nothing, Prefix(options.prefix)
    try:
        if options.command == "install":
            chosen = InstallOptions(options.pubkey, options.allow_older, options.frames, options.limit)
            print(install(options.bundle, prefix, chosen, announce))
        elif options.command == "rollback":
            print(roll_back(prefix, options.to, options.force, options.frames, options.limit, announce))
        else:
            told = status(prefix)
            print(json.dumps(told, indent=2) if options.json else as_text(told))
    except (MienError, OSError, KeyboardInterrupt) as error:
        if options.debug:
            traceback.print_exc()
        print(f"mien deploy: {str(error) or 'stopped'}", file=sys.stderr)
        return 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mien deploy", description="Install mien's bundles, and go back.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="|".join(_COMMANDS))
    rooms = {name: commands.add_parser(name) for name in _COMMANDS}
    for room in rooms.values():
        room.add_argument("--prefix", type=Path, default=DEFAULT_PREFIX, help=f"default: {DEFAULT_PREFIX}")
        room.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    for room in (rooms["install"], rooms["rollback"]):
        room.add_argument("--frames", type=int, default=FRAMES, help=f"inferences of the self-test; default: {FRAMES}")
        room.add_argument("--limit", type=float, default=LIMIT_S, help="seconds that the self-test has")
        room.add_argument("--verbose", action="store_true", help="say each step")
    rooms["install"].add_argument("bundle", type=Path)
    rooms["install"].add_argument("--pubkey", type=Path, help="the key that must have signed; later on it is known")
    rooms["install"].add_argument("--allow-older", action="store_true", help="also a version before the current one")
    rooms["rollback"].add_argument("--to", metavar="VERSION", help="default: the one that was current before")
    rooms["rollback"].add_argument("--force", action="store_true", help="without the self-test")
    rooms["status"].add_argument("--json", action="store_true")
    return parser
