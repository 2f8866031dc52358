"""`mien benchmark`: accuracy against latency, for every model at hand."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from edge.cli import options
from edge.cli.options import read_with_progress
from edge.cli.signals import Handlers, handling
from edge.errors import MissingExtraError, ModelError, WrongUseError

#: Results that every benchmark writes; the pictures and the page come with the extra `report`.
RESULTS_JSON, RESULTS_CSV = "results.json", "results.csv"

#: Ctrl-C and SIGTERM end a benchmark also where whoever started it had them ignored.
_INTERRUPT: Handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), signal.default_int_handler)


class _OrCompare(click.Command):
    """The command, or `compare` where that is its first word: no model is called so."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] != ["compare"]:
            return super().make_context(info_name, args, parent, **extra)
        from edge.cli.compare import compare

        context: click.Context = compare.make_context(f"{info_name} compare", args[1:], parent, **extra)
        return context


@click.command(cls=_OrCompare)
@click.argument("models", nargs=-1, metavar="MODEL...")
@options.data
@options.split
@click.option("--limit", type=click.IntRange(1), help="Score at most so many faces.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of that choice, and of the rounds.")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    multiple=True,
    default=(1,),
    show_default=True,
    help="Threads of each network; may be given again.",
)
@click.option("--rounds", type=click.IntRange(1), default=50, show_default=True, help="Bursts of each model.")
@click.option("--operations", is_flag=True, help="Tell what each operation of a .tflite takes.")
@click.option(
    "--pick", "constraints", multiple=True, metavar="WISH", help="'latency<5ms' or 'accuracy>70': print what to ship."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="A folder for JSON, CSV, charts and a page."
)
def benchmark(
    models: tuple[str, ...],
    data: Path,
    split: str,
    limit: int | None,
    seed: int,
    threads: tuple[int, ...],
    rounds: int,
    operations: bool,
    constraints: tuple[str, ...],
    out: Path | None,
) -> None:
    """Accuracy against latency: which model to ship here.

    MODEL is a shipped name, a .tflite (a foreign one with a side card), or a .keras where the extra 'train' is
    installed. Each runs in a process of its own, in short bursts, in turn. With --pick only the name of the model to
    ship goes to standard output.

    `mien benchmark compare A.json B.json` puts two results side by side.
    """
    from edge.benchmark.candidate import find_candidates
    from edge.benchmark.conditions import find_warnings, machine, read_machine_state, watched
    from edge.benchmark.console_table import open_console, print_results
    from edge.benchmark.measurement import ModelResult, Plan, disturbed_warnings, measure
    from edge.benchmark.pareto import parse_constraint, pick
    from edge.benchmark.results import points_of, results
    from edge.system.energy import find_meter
    from edge.system.hashing import sha256_of

    candidates = find_candidates(models)
    wanted = [parse_constraint(constraint) for constraint in constraints]
    if len(set(threads)) != len(threads):
        raise WrongUseError(f"--threads {' '.join(map(str, threads))}: expected each number once")
    if out is not None:
        _check_empty(out)
    faces = read_with_progress(data, (split,))[split].sample(limit, seed)
    measured = [ModelResult(candidate) for candidate in candidates]
    meter = find_meter()
    before, stopped = read_machine_state(), False
    try:
        with handling(_INTERRUPT), _steps() as progress:
            measure(measured, faces, Plan(threads, rounds, seed, operations, meter), progress)
    except KeyboardInterrupt:
        stopped = True
    after = read_machine_state()
    about = {
        "name": data.name,
        "sha256": sha256_of(data),
        "split": split,
        "faces": len(faces),
        "seed": seed,
        "labels": list(faces.labels),
    }
    conditions = {
        "marks": [*find_warnings(before, after), *disturbed_warnings(measured)],
        "machine": machine(),
        "energy": meter.name if meter else None,
        **watched([before, after]),
    }
    table = results(measured, about, conditions, partial=stopped)
    # First of all: whoever reads the table may be gone (`mien benchmark ... | head`).
    if out is not None:
        _write(out, table)
    print_results(table, open_console(stderr=bool(constraints)))
    if stopped:
        raise KeyboardInterrupt
    failed = [model.candidate.name for model in measured if model.error]
    if len(failed) == len(measured):
        raise ModelError(f"no model could be measured: {measured[0].error}")
    if wanted:
        click.echo(pick(points_of(table), wanted).name)


def _check_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WrongUseError(f"{out} is not an empty folder: name a new one, or empty it")


def _write(out: Path, table: dict[str, Any]) -> None:
    """Results, and the charts and the page where the extra is installed."""
    from edge.benchmark.results import as_csv
    from edge.system.atomic_files import replacing, write_json

    write_json(out / RESULTS_JSON, table)
    with replacing(out / RESULTS_CSV) as temporary:
        temporary.write_text(as_csv(table), "utf-8")
    try:
        from edge.benchmark.charts import write_charts
        from edge.benchmark.report_page import write_page

        charts = write_charts(out, table)
        write_page(out / "report.html", table, charts)
    except MissingExtraError as error:
        click.echo(f"{out}: {RESULTS_JSON} and {RESULTS_CSV}; no charts and no page: {error}", err=True)
        return
    click.echo(f"{out}: {RESULTS_JSON}, {RESULTS_CSV}, pareto.png, pareto.svg, report.html", err=True)


@contextmanager
def _steps() -> Iterator[Any]:
    """A line on a terminal's standard error that tells what is being done, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=1)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
