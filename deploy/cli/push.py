"""`mien deploy push`."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from deploy.build.installer_script import render_installer
from deploy.cli import options
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.release_store import DEFAULT_PREFIX
from deploy.device.trusted_keys import MAX_KEYS_BYTES, split_keys
from deploy.push import Host, Outcome, Payload, deliver, roll_out
from edge.cli.progress import progress_transfers
from edge.cli.tables import new_table, open_console, plain
from edge.errors import DeployError, WrongUseError
from edge.system.hashing import sha256_of
from edge.system.regular_files import read_regular


@click.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--canary", is_flag=True, help="Install on the first host alone, and on the others only if that succeeds."
)
@click.option(
    "--jobs", type=click.IntRange(1), default=8, show_default=True, metavar="N", help="Hosts to install on in parallel."
)
@click.option(
    "--prefix",
    default=str(DEFAULT_PREFIX),
    show_default=True,
    metavar="DIR",
    help="Where mien is installed on the hosts.",
)
@options.pubkey
@options.allow_older
@options.frames
@options.limit
@click.option(
    "--sudo/--no-sudo", default=True, show_default=True, help="Use sudo where the user on the host is not root."
)
@click.option(
    "--ssh-config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration file for ssh and sftp."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per host, one host per line.")
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
    as_json: bool,
) -> None:
    """Install a bundle on other machines, over ssh.

    The bundle is copied to each host (an interrupted copy is resumed), verified and tested there. HOST is a name that
    ssh accepts; ssh and sudo must work there without a password. The exit status is 1 if a host fails.
    """
    if len(set(hosts)) != len(hosts):
        raise WrongUseError("a host is given twice: expected each one once")
    if not bundle.is_file():
        if files := [host for host in hosts if Path(host).is_file()]:
            raise WrongUseError(f"{files[0]} is a file, {bundle} is not: expected the hosts first, then the bundle")
        raise WrongUseError(f"cannot read the bundle {bundle}: expected a file that `mien deploy bundle` wrote")
    if pubkey is not None:
        # A bad bundle is found here, before it is copied anywhere.
        with CheckedBundle(bundle, _read_keys(pubkey)):
            pass
    installer_options = ["--prefix", prefix, "--frames", str(frames), "--limit", str(limit)]
    installer_options += ["--allow-older"] if allow_older else []
    # A short path, because it becomes part of a socket's address; see Host.
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as temporary:
        folder = Path(temporary)
        targets = {name: Host(name, folder, ssh_config) for name in hosts}
        installer = folder / "install.py"
        installer.write_text(render_installer(), "utf-8")
        payload = Payload(bundle, installer, pubkey, sha256_of(bundle), tuple(installer_options), sudo)
        with progress_transfers(hosts, bundle.stat().st_size) as update:

            def deliver_to(name: str) -> Outcome:
                return deliver(targets[name], payload, partial(update, name))

            outcomes = roll_out(hosts, deliver_to, jobs, canary)
    if as_json:
        for outcome in outcomes:
            click.echo(json.dumps(asdict(outcome)))
    else:
        _print_table(outcomes)
    failed = [outcome.host for outcome in outcomes if outcome.state != "installed"]
    if failed:
        raise DeployError(f"not installed on {len(failed)} of {len(hosts)} hosts: {', '.join(failed)}")


def _read_keys(path: Path) -> list[bytes]:
    try:
        content = read_regular(path, MAX_KEYS_BYTES)
        return split_keys(content) or [content]
    except OSError as error:
        raise WrongUseError(f"cannot read the public key {path}: {error.strerror or error}") from error


def _print_table(outcomes: list[Outcome]) -> None:
    table = new_table()
    for title in ("host", "state", "seconds", "message"):
        table.add_column(title)
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
        # A host's message is plain text, not markup.
        table.add_row(*(plain(cell) for cell in (outcome.host, outcome.state, seconds, outcome.message)))
    open_console().print(table)
