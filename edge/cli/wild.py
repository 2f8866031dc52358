"""`mien benchmark wild`: the whole chain on photographs, or detectors on photographs with boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edge.cli import options, result_folder
from edge.cli.progress import progress_steps
from edge.cli.result_folder import REPORT_PAGE, check_empty, write_results
from edge.cli.signals import INTERRUPT, handling
from edge.cli.tables import open_console
from edge.detection import DEFAULT_DETECTOR, detector_help
from edge.errors import ModelError, WrongUseError
from edge.inference.threads import Threads


@click.command()
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.argument("models", nargs=-1, metavar="[MODEL...]")
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    default=(DEFAULT_DETECTOR,),
    show_default=True,
    metavar="DETECTOR",
    help=f"The face detector: {detector_help()}. With --boxes it may be repeated.",
)
@click.option(
    "--prior",
    multiple=True,
    metavar="PRIOR",
    help="Show the results with this prior too, as `mien run` takes it; none for the raw ones only. May be repeated.  "
    "[default: auto]",
)
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Show the results by group: a CSV with a column 'file' and one for each way of grouping, such as gender.",
)
@click.option(
    "--name-pattern",
    metavar="PATTERN",
    help="Take the groups from file names: ID_gender_ethnicity for 004_male_east_asian.jpg. A part named ID is left "
    "out; the last part takes the rest of the name.",
)
@click.option(
    "--boxes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Measure detectors instead: the boxes of all faces, in the text format of WIDER FACE.",
)
@options.threads
@result_folder.out
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def wild(
    data: Path,
    models: tuple[str, ...],
    detectors: tuple[str, ...],
    prior: tuple[str, ...],
    groups: Path | None,
    name_pattern: str | None,
    boxes: Path | None,
    threads: Threads,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the whole chain, from the detector on, on photographs.

    DATA is a folder with one folder of images for each expression, or one with images and without labels. MODEL is the
    name of a shipped model or a .tflite file (a foreign one with a model card beside it); without any, all shipped
    models are measured. If a photograph has several faces, its label is taken to be that of the largest one.

    With --boxes, the detectors are measured: recall by size, false positives, and time relative to blazeface.
    """
    if out is not None:
        check_empty(out)
    if boxes is not None:
        _reject_with_boxes(models, prior, groups, name_pattern)
    elif len(detectors) != 1:
        raise WrongUseError(f"--detector {' '.join(detectors)}: expected one detector, or --boxes to compare several")
    with handling(INTERRUPT), progress_steps() as progress:
        if boxes is not None:
            from edge.benchmark import measure_detectors

            results = measure_detectors(data, boxes, detectors, threads=threads, progress=progress)
        else:
            from edge.benchmark import measure_photographs
            from edge.benchmark.wild_measurement import DEFAULT_PRIOR

            results = measure_photographs(
                data,
                models,
                detector=detectors[0],
                prior=prior or DEFAULT_PRIOR,
                groups=groups,
                name_pattern=name_pattern,
                threads=threads,
                progress=progress,
            )
    _publish(results, out, as_json)
    if results["partial"]:
        raise KeyboardInterrupt
    if boxes is None and all(model["error"] for model in results["models"]):
        raise ModelError(f"no model could be measured: {results['models'][0]['error']}")


def _reject_with_boxes(
    models: tuple[str, ...], prior: tuple[str, ...], groups: Path | None, name_pattern: str | None
) -> None:
    given = {"models": models, "--prior": prior, "--groups": groups, "--name-pattern": name_pattern}
    names = [name for name, value in given.items() if value]
    if names:
        raise WrongUseError(f"--boxes measures detectors alone: expected it without {' and '.join(names)}")


def _publish(results: dict[str, Any], out: Path | None, as_json: bool) -> None:
    """Write and print the results."""
    from edge.benchmark.detector_measurement import detector_csv
    from edge.benchmark.wild_results import chain_csv
    from edge.benchmark.wild_table import print_chain_results, print_detector_results

    on_photographs = results["kind"] == "photographs"
    # Before printing, which fails if the reader of the output has gone away (`mien benchmark ... | head`).
    if out is not None:
        csv = chain_csv(results) if on_photographs else detector_csv(results)
        write_results(out, results, csv, lambda folder: _draw(folder, results))
    if as_json:
        click.echo(json.dumps(results))
    else:
        print_results = print_chain_results if on_photographs else print_detector_results
        print_results(results, open_console())


def _draw(folder: Path, results: dict[str, Any]) -> list[str]:
    from edge.benchmark.charts import write_selective_chart
    from edge.benchmark.wild_page import chain_curves, write_chain_page, write_detector_page

    if results["kind"] == "detectors":
        write_detector_page(folder / REPORT_PAGE, results)
        return []
    curves = chain_curves(results)
    if not curves:
        write_chain_page(folder / REPORT_PAGE, results, "")
        return []
    write_chain_page(folder / REPORT_PAGE, results, write_selective_chart(folder, curves))
    return ["selective.png", "selective.svg"]
