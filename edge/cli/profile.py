"""`mien profile`: the cost of each stage of a run, compared with its bare parts."""

from __future__ import annotations

import json

import click

from edge.cli import options
from edge.cli.parameter_types import Parsed
from edge.cli.tables import new_table, open_console, print_line
from edge.inference import Threads
from edge.pipeline import StageCosts, stage_costs
from edge.recognizer import Recognizer
from edge.sources import open_source
from edge.sources.video import VideoSource
from edge.tracking import DetectionInterval, parse_interval


@click.command()
@click.option(
    "--source",
    shell_complete=options.complete_source,
    required=True,
    metavar="CLIP",
    help="A video file. For other sources there is no bare decoding to compare with.",
)
@options.model
@options.detector
@click.option(
    "--cadence",
    "interval",
    type=Parsed("interval", parse_interval),
    default=1,
    show_default=True,
    metavar="auto|N",
    help="The detection interval, as for `mien run`. Unless it is 1, the figures are means over all frames.",
)
@options.threads
@click.option("--max-frames", type=click.IntRange(1), help="Stop after this number of frames.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def profile(
    source: str,
    model: str,
    detector: str,
    interval: DetectionInterval,
    threads: Threads,
    max_frames: int | None,
    as_json: bool,
) -> None:
    """Measure the stages of a run and compare them with their bare parts.

    After each frame, the parts that it used run once more on their own: decoding, the detector's network and the
    classifier's network. The ratio of both times shows what the loop adds; 1.00 would be a loop that costs nothing.
    """
    recognizer = Recognizer(model, detector=detector, threads=threads)
    with open_source(source) as frames:
        clip = frames.path if isinstance(frames, VideoSource) else None
        costs = stage_costs(frames, clip, recognizer, max_frames, interval)
    if as_json:
        click.echo(json.dumps(costs.as_dict()))
    else:
        _print(costs, interval)


def _print(costs: StageCosts, interval: DetectionInterval) -> None:
    console = open_console()
    print_line(
        console,
        f"{costs.frames} frames and {costs.faces} faces of {costs.source}; detector {costs.detector}, model "
        f"{costs.model}",
    )
    if interval != 1:
        print_line(console, f"detection interval {interval}: the detector ran in {costs.detector_runs} frames")
    average = f"{costs.average} ms"
    table = new_table()
    for name in ("stage", average, "bare ms", "ratio", "bare part"):
        table.add_column(name, justify="right" if name in (average, "bare ms", "ratio") else "left")
    for cost in costs.stages:
        bare = "" if cost.bare_ms is None else f"{cost.bare_ms:.3f}"
        ratio = "" if cost.ratio is None else f"{cost.ratio:.2f}"
        table.add_row(cost.stage, f"{cost.stage_ms:.3f}", bare, ratio, cost.part)
    console.print(table)
