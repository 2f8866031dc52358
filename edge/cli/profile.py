"""`mien profile`: the stages of a run beside their bare parts."""

from __future__ import annotations

import json

import click

from edge.cli import options
from edge.cli.parameter_types import Parsed
from edge.detection import open_detector
from edge.inference.classifier import Classifier
from edge.inference.shipped_models import find_model
from edge.inference.threads import Threads
from edge.pipeline.profiler import stage_costs
from edge.sources import open_source
from edge.sources.video import VideoSource
from edge.tracking.scheduler import Cadence, parse_cadence


@click.command()
@click.option("--source", required=True, metavar="CLIP", help="A video file; other sources are not decoded twice.")
@options.model
@options.detector
@click.option(
    "--cadence",
    type=Parsed("cadence", parse_cadence),
    default=1,
    show_default=True,
    metavar="auto|N",
    help="As `mien run` has it; then the figures are means, with the detector's cost spread over its looks.",
)
@options.threads
@click.option("--max-frames", type=click.IntRange(1), help="Stop after so many frames.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def profile(
    source: str, model: str, detector: str, cadence: Cadence, threads: Threads, max_frames: int | None, as_json: bool
) -> None:
    """The stages of a run beside their bare parts.

    After each frame the parts that it needed run once more, bare: decoding,
    the detector's network and the classifier's.
    The ratio is what the loop adds: 1.00 would be a loop that costs nothing.
    """
    from rich.table import Table
    from rich.text import Text

    from edge.benchmark.console_table import open_console

    classifier = Classifier(find_model(model), threads)
    faces = open_detector(detector, threads)
    with open_source(source) as frames:
        clip = frames.path if isinstance(frames, VideoSource) else None
        costs = stage_costs(frames, clip, faces, classifier, max_frames, cadence)
    if as_json:
        click.echo(json.dumps(costs.as_dict()))
        return
    console = open_console()
    said = f"{costs.frames} frames, {costs.faces} faces of {costs.source}; {costs.detector}, {costs.model}"
    console.print(Text(said), soft_wrap=True, highlight=False)
    if cadence != 1:
        console.print(f"cadence {cadence}: the detector looked at {costs.detector_looks} of them", highlight=False)
    average = "p50 ms" if cadence == 1 else "mean ms"
    rows = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("stage", average, "bare ms", "ratio", "bare part"):
        rows.add_column(name, justify="right" if name in (average, "bare ms", "ratio") else "left")
    for cost in costs.stages:
        bare = "" if cost.bare_ms is None else f"{cost.bare_ms:.3f}"
        ratio = "" if cost.ratio is None else f"{cost.ratio:.2f}"
        rows.add_row(cost.stage, f"{cost.stage_ms:.3f}", bare, ratio, cost.part)
    console.print(rows)
