"""`mien benchmark`: accuracy against latency of every available model."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import click

from edge.cli import options, result_folder
from edge.cli.progress import progress_steps
from edge.cli.result_folder import REPORT_PAGE, check_empty, write_results
from edge.cli.signals import INTERRUPT, handling
from edge.cli.tables import open_console
from edge.datasets.data_set import DataSet
from edge.errors import ModelError, WrongUseError

#: Commands that run instead if their name is the first argument: no model has such a name.
_COMMANDS = {"compare": "edge.cli.compare:compare", "wild": "edge.cli.wild:wild"}


class _BenchmarkOrCommand(click.Command):
    """The command `benchmark`, or one of those in `_COMMANDS`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if not args or args[0] not in _COMMANDS:
            return super().make_context(info_name, args, parent, **extra)
        command = benchmark_commands()[args[0]]
        context: click.Context = command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return context


def benchmark_commands() -> dict[str, click.Command]:
    """Return name to command of those that are called as `mien benchmark NAME`."""
    found = {}
    for name, place in _COMMANDS.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


@click.command(cls=_BenchmarkOrCommand)
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
@options.input_mapping
@click.option("--operations", is_flag=True, help="Also measure each operation of a .tflite.")
@click.option(
    "--pick",
    "constraints",
    multiple=True,
    metavar="CONSTRAINT",
    help="Print only the name of the best model that meets this: 'latency<5ms' or 'accuracy>70'. May be repeated.",
)
@result_folder.out
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def benchmark(
    models: tuple[str, ...],
    data: DataSet,
    split: str,
    limit: int | None,
    seed: int,
    threads: tuple[int, ...],
    rounds: int,
    operations: bool,
    constraints: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **mapping: Any,
) -> None:
    """Compare models by accuracy and latency on this machine.

    MODEL is the name of a shipped model, a .tflite file (a foreign one with a model card beside it), or a .keras file
    if the extra 'train' is installed. Each model runs in a process of its own; short bursts of all models alternate,
    so that other load affects them alike. With --pick, only the name of the chosen model goes to standard output.

    `mien benchmark compare A.json B.json` compares two results; `mien benchmark wild DATA` measures the whole chain,
    from the detector on, on photographs.
    """
    from edge.benchmark import measure
    from edge.benchmark.console_table import print_results
    from edge.benchmark.pareto import parse_constraint, pick
    from edge.benchmark.results import as_csv, pareto_points

    if constraints and as_json:
        raise WrongUseError("--pick and --json both write to standard output: expected only one of them")
    required = [parse_constraint(constraint) for constraint in constraints]
    if out is not None:
        check_empty(out)
    with handling(INTERRUPT), progress_steps() as progress:
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
            **mapping,
        )
    # Before printing, which fails if the reader of the output has gone away (`mien benchmark ... | head`).
    if out is not None:
        write_results(out, results, as_csv(results), lambda folder: _draw(folder, results))
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


def _draw(folder: Path, table: dict[str, Any]) -> list[str]:
    from edge.benchmark.charts import write_charts, write_selective_chart
    from edge.benchmark.report_page import selective_curves, write_page

    charts = write_charts(folder, table), write_selective_chart(folder, selective_curves(table))
    write_page(folder / REPORT_PAGE, table, *charts)
    return ["pareto.png", "pareto.svg", "selective.png", "selective.svg"]
