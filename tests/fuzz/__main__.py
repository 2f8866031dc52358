"""Feeds damaged input to every parser of mien: `python -m tests.fuzz --minutes 10`; `--replay FILE` feeds one again."""

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from edge.cli.tables import open_console
from edge.system.atomic_files import write_json
from edge.system.native_logs import quiet_native_logs
from tests.fuzz import result_table
from tests.fuzz.campaign import Campaign, print_line
from tests.fuzz.finding import FOLDER
from tests.fuzz.outcome import examine
from tests.fuzz.registry import PLANTED, TARGETS

#: Files in memory: a parser reads each input from a file.
_MEMORY = Path("/dev/shm")


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, or replay an input; the exit status is 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long, over all targets (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (default: 0)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for the inputs of findings (default: {FOLDER})")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="run this input of the one target that --target names"
    )
    options = parser.parse_args(arguments)
    quiet_native_logs()
    if options.replay:
        if len(options.target or ()) != 1:
            parser.error("--replay needs the one target that the file is for: --target NAME")
        return replay(options.target[0], options.replay)
    return run_campaign(options)


def run_campaign(options: argparse.Namespace) -> int:
    """Feed the targets, and print the table."""
    # A plain kill cleans up like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun_s, status = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="mien-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None) as scratch:
        names = options.target or [name for name, entry in TARGETS.items() if entry.share > PLANTED]
        campaign = Campaign(names, options.minutes, options.seed, options.folder, Path(scratch), print_line)
        try:
            campaign.run()
        except KeyboardInterrupt:
            status = 130
        found = campaign.findings()
        open_console().print(result_table.as_table(campaign.done))
        for finding in found:
            print_line(f"{finding.target}: {finding.kind}: {finding.text}\n  {finding.command}")
        if options.out:
            figures = {"minutes": options.minutes, "seed": options.seed, "seconds": round(time.monotonic() - begun_s)}
            targets = result_table.as_dict(campaign.done)
            findings = [{**asdict(finding), "command": finding.command} for finding in found]
            write_json(options.out, {**figures, "targets": targets, "findings": findings})
        failed = bool(found) or any(worker.problem for worker in campaign.done)
    return 1 if failed else status


def replay(name: str, file: Path) -> int:
    """Run one input in this process, and print how it ended. A crash ends this process, too."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(TARGETS[name].load()(Path(folder))) as target:
        outcome = examine(target, file.read_bytes())
    print(f"{outcome.ending}: {outcome.text}" if outcome.text else outcome.ending)
    if outcome.ending == "finding":
        print(f"{outcome.kind} at {outcome.place}\n{outcome.trace}", file=sys.stderr)
    return 1 if outcome.ending == "finding" else 0


if __name__ == "__main__":
    sys.exit(main())
