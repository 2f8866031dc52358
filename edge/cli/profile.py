"""`mien profile`: the stages of a run beside their bare parts."""

from __future__ import annotations

import json

import click

from edge.cli import options
from edge.cli.parameter_types import Parsed
from edge.inference import Threads
from edge.pipeline import StageCosts, stage_costs
from edge.recognizer import Recognizer
from edge.sources import open_source
from edge.sources.video import VideoSource
from edge.tracking import DetectionInterval, parse_interval


@click.command()
@click.option("--source", required=True, metavar="CLIP", help="A video file; other sources are not decoded twice.")
@options.model
@options.detector
@click.option(
    "--cadence",
    "interval",
    type=Parsed("interval", parse_interval),
    default=1,
    show_default=True,
    metavar="auto|N",
    help="The detection interval, as for `mien run`. Above 1 the figures are means over all frames.",
)
@options.threads
@click.option("--max-frames", type=click.IntRange(1), help="Stop after this number of frames.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def profile(
    source: str,
    model: str,
    detector: str,
    interval: DetectionInterval,
    threads: Threads,
    max_frames: int | None,
    as_json: bool,
) -> None:
    """Measure the stages of a run beside their bare parts.

    After each frame, the parts that it needed run once more, bare: decoding,
    the detector's network and the classifier's network.
    The ratio shows what the loop adds: 1.00 would be a loop that costs nothing.
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
    from rich.table import Table
    from rich.text import Text

    from edge.benchmark.console_table import open_console

    console = open_console()
    summary = f"{costs.frames} frames, {costs.faces} faces of {costs.source}; {costs.detector}, {costs.model}"
    console.print(Text(summary), soft_wrap=True, highlight=False)
    if interval != 1:
        console.print(
            f"detection interval {interval}: the detector ran in {costs.detector_runs} of them", highlight=False
        )
    average = "p50 ms" if interval == 1 else "mean ms"
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("stage", average, "bare ms", "ratio", "bare part"):
        table.add_column(name, justify="right" if name in (average, "bare ms", "ratio") else "left")
    for cost in costs.stages:
        bare = "" if cost.bare_ms is None else f"{cost.bare_ms:.3f}"
        ratio = "" if cost.ratio is None else f"{cost.ratio:.2f}"
        table.add_row(cost.stage, f"{cost.stage_ms:.3f}", bare, ratio, cost.part)
    console.print(table)
