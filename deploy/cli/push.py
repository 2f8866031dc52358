"""`mien deploy push`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from deploy.build.installer_script import render_installer
from deploy.cli import options
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.release_store import DEFAULT_PREFIX
from deploy.device.trusted_keys import MAX_KEYS_BYTES, split_keys
from deploy.push import (
    Host,
    Outcome,
    Payload,
    Reversal,
    deliver,
    parse_waves,
    read_hosts,
    revert,
    roll_out,
    split_waves,
)
from edge.cli.progress import progress_transfers
from edge.cli.tables import new_table, open_console, plain
from edge.errors import DeployError, WrongUseError
from edge.system.hashing import sha256_of
from edge.system.regular_files import read_regular


@click.command()
@click.argument("words", nargs=-1, metavar="HOST... BUNDLE")
@click.option(
    "--hosts",
    "hosts_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also the hosts of this file: one on each line; `#` begins a comment.",
)
@click.option(
    "--waves",
    metavar="N,N%,...",
    help="How many hosts shall be done after each wave, such as 1,10%,100%. A wave begins once all hosts of the one "
    "before have succeeded, and their releases have passed their probation. Default: all at once.",
)
@click.option("--canary", is_flag=True, help="The first host alone, then all others: --waves 1,100%.")
@click.option(
    "--jobs", type=click.IntRange(1), default=8, show_default=True, metavar="N", help="Hosts to install on in parallel."
)
@click.option("--rollback", is_flag=True, help="Go back to the release before on each host; takes no bundle.")
@click.option("--to", metavar="VERSION", help="With --rollback: the release to go back to.")
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
@options.probation
@click.option(
    "--sudo/--no-sudo", default=True, show_default=True, help="Use sudo where the user on the host is not root."
)
@click.option(
    "--ssh-config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration file for ssh and sftp."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per host, one host per line.")
def push(
    words: tuple[str, ...],
    hosts_file: Path | None,
    waves: str | None,
    canary: bool,
    jobs: int,
    rollback: bool,
    to: str | None,
    prefix: str,
    pubkey: Path | None,
    allow_older: bool,
    frames: int,
    limit: float,
    probation: float,
    sudo: bool,
    ssh_config: Path | None,
    as_json: bool,
) -> None:
    """Install a bundle on other machines, over ssh.

    The bundle is copied to each host (an interrupted copy is resumed), verified and tested there. HOST is a name that
    ssh accepts; ssh and sudo must work there without a password. Where a service runs, the new release is then on
    probation, and the command waits for its end. The exit status is 1 if a host fails.
    """
    if waves is not None and canary:
        raise WrongUseError("--canary and --waves exclude each other: expected one of them")
    if to is not None and not rollback:
        raise WrongUseError("--to belongs to --rollback: expected both, or neither")
    # Without --rollback the last word is the bundle, and never a host.
    names, bundle = (words, None) if rollback else (words[:-1], Path(words[-1]) if words else None)
    hosts = (*names, *(read_hosts(hosts_file) if hosts_file is not None else ()))
    waves_of_hosts = split_waves(hosts, parse_waves(waves or ("1" if canary else "100%")))
    if not rollback:
        bundle = _checked_bundle(hosts, bundle, pubkey)
    if not hosts:
        raise WrongUseError("no host is given: expected HOST..., or --hosts FILE")
    if len(set(hosts)) != len(hosts):
        raise WrongUseError("a host is given twice: expected each one once")
    common = ("--frames", str(frames), "--limit", str(limit))
    # A short path, because it becomes part of a socket's address; see Host.
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as temporary:
        folder = Path(temporary)
        targets = {name: Host(name, folder, ssh_config) for name in hosts}
        installer = folder / "install.py"
        installer.write_text(render_installer(), "utf-8")
        with progress_transfers(hosts, bundle.stat().st_size if bundle else 1) as update:
            change: Callable[[str], Outcome]
            if bundle is None:
                reversal = Reversal(installer, prefix, (*common, *(("--to", to) if to else ())), sudo)

                def change(name: str) -> Outcome:
                    return revert(targets[name], reversal, partial(update, name))
            else:
                own = (*common, *(("--allow-older",) if allow_older else ()))
                payload = Payload(bundle, installer, pubkey, sha256_of(bundle), prefix, own, probation, sudo)

                def change(name: str) -> Outcome:
                    return deliver(targets[name], payload, partial(update, name))

            outcomes = roll_out(waves_of_hosts, change, jobs)
    if as_json:
        for outcome in outcomes:
            click.echo(json.dumps(asdict(outcome)))
    else:
        _print_table(outcomes)
    failed = [outcome.host for outcome in outcomes if outcome.state in ("failed", "not tried")]
    if failed:
        done = "rolled back" if rollback else "installed"
        raise DeployError(f"not {done} on {len(failed)} of {len(hosts)} hosts: {', '.join(failed)}")


def _checked_bundle(hosts: tuple[str, ...], bundle: Path | None, pubkey: Path | None) -> Path:
    """Find a bad bundle here, before it is copied anywhere; whether it is trusted only the hosts know without a key."""
    if bundle is None:
        raise WrongUseError("no bundle is given: expected the hosts, then a file that `mien deploy bundle` wrote")
    if not bundle.is_file():
        if files := [host for host in hosts if Path(host).is_file()]:
            raise WrongUseError(f"{files[0]} is a file, {bundle} is not: expected the hosts first, then the bundle")
        raise WrongUseError(f"cannot read the bundle {bundle}: expected a file that `mien deploy bundle` wrote")
    if pubkey is not None:
        with CheckedBundle(bundle, _read_keys(pubkey)):
            pass
    return bundle


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
