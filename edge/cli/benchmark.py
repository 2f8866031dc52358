"""`mien benchmark`: accuracy against latency of every available model."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import click

from edge.cli import options
from edge.cli.progress import progress_steps
from edge.cli.signals import Handlers, handling
from edge.cli.tables import open_console
from edge.errors import MissingExtraError, ModelError, WrongUseError

#: Files that every benchmark writes; charts and the report page need the extra `report`.
RESULTS_JSON, RESULTS_CSV = "results.json", "results.csv"

#: Ctrl-C and SIGTERM end a benchmark even if the process that started it ignores them.
_INTERRUPT: Handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), signal.default_int_handler)


class _BenchmarkOrCompare(click.Command):
    """The command `benchmark`, or `compare` if that is the first argument: no model has that name."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] != ["compare"]:
            return super().make_context(info_name, args, parent, **extra)
        from edge.cli.compare import compare

        context: click.Context = compare.make_context(f"{info_name} compare", args[1:], parent, **extra)
        return context


@click.command(cls=_BenchmarkOrCompare)
@click.argument("models", nargs=-1, metavar="MODEL...")
@options.data
@options.split
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Score at most N faces, chosen at random.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed for the choice of faces and the order of the models in each round.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    multiple=True,
    default=(1,),
    show_default=True,
    help="Threads of each network. May be repeated.",
)
@click.option(
    "--rounds", type=click.IntRange(1), default=50, show_default=True, help="Number of bursts in which each model runs."
)
@click.option("--operations", is_flag=True, help="Also measure each operation of a .tflite.")
@click.option(
    "--pick",
    "constraints",
    multiple=True,
    metavar="CONSTRAINT",
    help="Print only the name of the best model that meets this: 'latency<5ms' or 'accuracy>70'. May be repeated.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the results to this folder: JSON, CSV, charts and a report page.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
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
    as_json: bool,
) -> None:
    """Compare models by accuracy and latency on this machine.

    MODEL is the name of a shipped model, a .tflite file (a foreign one with a model card beside it), or a .keras file
    if the extra 'train' is installed. Each model runs in a process of its own; short bursts of all models alternate,
    so that other load affects them alike. With --pick, only the name of the chosen model goes to standard output.

    `mien benchmark compare A.json B.json` compares two results.
    """
    from edge.benchmark import measure
    from edge.benchmark.console_table import print_results
    from edge.benchmark.pareto import parse_constraint, pick
    from edge.benchmark.results import pareto_points

    if constraints and as_json:
        raise WrongUseError("--pick and --json both write to standard output: expected only one of them")
    required = [parse_constraint(constraint) for constraint in constraints]
    if out is not None:
        _check_empty(out)
    with handling(_INTERRUPT), progress_steps() as progress:
        results = measure(
            models,
            data,
            split=split,
            limit=limit,
            seed=seed,
            threads=threads,
            rounds=rounds,
            operations=operations,
            progress=progress,
            warn=lambda line: click.echo(line, err=True),
        )
    # Before printing, which fails if the reader of the output has gone away (`mien benchmark ... | head`).
    if out is not None:
        _write(out, results)
    if as_json:
        click.echo(json.dumps(results))
    else:
        print_results(results, open_console(stderr=bool(constraints)))
    if results["partial"]:
        raise KeyboardInterrupt
    if all(model["error"] for model in results["models"]):
        raise ModelError(f"no model could be measured: {results['models'][0]['error']}")
    if required:
        click.echo(pick(pareto_points(results), required).name)


def _check_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WrongUseError(f"--out {out} is not an empty folder: name a new folder, or empty this one")


def _write(out: Path, table: dict[str, Any]) -> None:
    """Write the results; charts and the report page only if the extra `report` is installed."""
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
        click.echo(f"{out}: wrote {RESULTS_JSON} and {RESULTS_CSV}, but no charts and no page: {error}", err=True)
        return
    click.echo(f"{out}: wrote {RESULTS_JSON}, {RESULTS_CSV}, pareto.png, pareto.svg, report.html", err=True)
