"""`mien deploy push`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from deploy.build.installer_script import installer_script
from deploy.cli import options
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.release_store import DEFAULT_PREFIX
from deploy.push.delivery import Outcome, Parcel, deliver
from deploy.push.host import Host
from deploy.push.rollout import roll_out
from edge.errors import DeployError, WrongUseError
from edge.system.hashing import sha256_of


@click.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--canary", is_flag=True, help="The first host alone; the others only when it is well.")
@click.option(
    "--jobs", type=click.IntRange(1), default=8, show_default=True, metavar="N", help="So many hosts side by side."
)
@click.option(
    "--prefix", default=str(DEFAULT_PREFIX), show_default=True, metavar="DIR", help="Where mien is installed there."
)
@options.pubkey
@options.allow_older
@options.frames
@options.limit
@click.option("--sudo/--no-sudo", default=True, show_default=True, help="Where the user there is not root.")
@click.option(
    "--ssh-config", type=click.Path(path_type=Path), metavar="FILE", help="Another configuration for ssh and sftp."
)
def push(
    hosts: tuple[str, ...],
    bundle: Path,
    canary: bool,
    jobs: int,
    prefix: str,
    pubkey: Path | None,
    allow_older: bool,
    frames: int,
    limit: float,
    sudo: bool,
    ssh_config: Path | None,
) -> None:
    """Install a bundle on other machines, over ssh: copied (and resumed), checked and tried on each.

    HOST is what ssh takes; it must let you in without a question, and sudo too. Exit status 1 if one fails.
    """
    if len(set(hosts)) != len(hosts):
        raise WrongUseError("a host is named twice: expected each once")
    if not bundle.is_file():
        raise WrongUseError(f"cannot read the bundle {bundle}: expected what `mien deploy bundle` writes")
    if pubkey is not None:
        # Found out here, before it is copied anywhere.
        with CheckedBundle(bundle, _read(pubkey)):
            pass
    chosen = ["--prefix", prefix, "--frames", str(frames), "--limit", str(limit)]
    chosen += ["--allow-older"] if allow_older else []
    # A short path: a socket's may have some hundred characters.
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as temporary:
        folder = Path(temporary)
        machines = {name: Host(name, folder, ssh_config) for name in hosts}
        installer = folder / "install.py"
        installer.write_text(installer_script(), "utf-8")
        parcel = Parcel(bundle, installer, pubkey, sha256_of(bundle), tuple(chosen), sudo)
        columns = (TextColumn("{task.fields[host]}"), BarColumn(), DownloadColumn(), TextColumn("{task.description}"))
        console = Console(stderr=True)
        # Elsewhere than on a terminal each redrawing would be a line.
        with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
            size = bundle.stat().st_size
            tasks = {name: progress.add_task("waiting", total=size, host=name) for name in hosts}

            def one(name: str) -> Outcome:
                def tell(doing: str, there: int) -> None:
                    progress.update(tasks[name], description=doing, completed=there)

                return deliver(machines[name], parcel, tell)

            outcomes = roll_out(hosts, one, jobs, canary)
    _print(outcomes)
    bad = [outcome.host for outcome in outcomes if outcome.state != "installed"]
    if bad:
        raise DeployError(f"{len(bad)} of {len(hosts)} hosts do not have it: {', '.join(bad)}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongUseError(f"cannot read the public key {path}: {error.strerror or error}") from error


def _print(outcomes: list[Outcome]) -> None:
    console = Console()
    table = Table("host", "state", "seconds", "", box=None, header_style="")
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
        # What a machine says is text, not markup.
        table.add_row(*(Text(cell) for cell in (outcome.host, outcome.state, seconds, outcome.said)))
    (console if console.is_terminal else Console(width=200)).print(table)
