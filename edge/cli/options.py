"""Options that several commands share, and reading a data set with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from edge.cli.completion import complete_names, complete_schemes
from edge.cli.parameter_types import Parsed
from edge.cli.progress import progress
from edge.datasets import SPLITS, DataSet, Faces, load_dataset, summarize_bad_records
from edge.datasets.class_names import NUMBERED, parse_class_names
from edge.datasets.class_order import parse_class_order
from edge.detection import DEFAULT_DETECTOR, DETECTORS, detector_help
from edge.inference.pixel_mapping import parse_channel_values
from edge.inference.prior import DEFAULT_PRIOR
from edge.inference.shipped_models import DEFAULT_MODEL, shipped_models
from edge.inference.threads import parse_threads
from edge.sources import source_names
from edge.system.untrusted_text import one_line, printable
from edge.tracking.scheduler import parse_interval

Command = TypeVar("Command", bound=Callable[..., Any])

#: For options that name a source: kinds of sources, then files.
complete_source = complete_schemes(source_names, ("demo", "picamera2"))

#: Where the options that describe a data set leave their values for `--data`.
_CLASS_NAMES, _VAL_SPLIT = "mien.class_names", "mien.val_split"


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        context.meta[name] = value

    return callback


def _as_data_set(context: click.Context, parameter: click.Parameter, path: Path | None) -> DataSet | None:
    class_names, val_split = context.meta.get(_CLASS_NAMES), context.meta.get(_VAL_SPLIT)
    if path is None:
        if class_names is not None or val_split is not None:
            raise click.UsageError("--class-names and --val-split belong to --data")
        return None
    return DataSet(path, class_names or (), val_split)


def data_option(
    help: str = "The data set: fer2013.csv (also .gz .bz2 .xz .zip), or a folder with train/<label>/*.jpg and "
    "test/<label>/*.jpg.",
    required: bool = True,
) -> Callable[[Command], Command]:
    """Return a decorator that adds `--data` and what describes the data set; the command receives a `DataSet`.

    Args:
        help: of `--data`.
        required: whether the command needs data; otherwise it may receive None.
    """

    def decorate(command: Command) -> Command:
        for option in (
            click.option(
                "--val-split",
                type=click.FloatRange(0, 1, min_open=True, max_open=True),
                metavar="SHARE",
                is_eager=True,
                expose_value=False,
                callback=_keep(_VAL_SPLIT),
                help="Validate on this share of Training.",
            ),
            click.option(
                "--class-names",
                type=Parsed("names", parse_class_names),
                metavar="NAMES",
                is_eager=True,
                expose_value=False,
                callback=_keep(_CLASS_NAMES),
                help=f"Folders 0, 1, ...: {next(iter(NUMBERED))}, or A,B,C.",
            ),
            click.option(
                "--data",
                type=click.Path(path_type=Path),
                required=required,
                metavar="DATA",
                callback=_as_data_set,
                help=help,
            ),
        ):
            command = option(command)
        return command

    return decorate


data = data_option()
split = click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="PublicTest",
    show_default=True,
    help="The split of the data set to score.",
)
votes = click.option(
    "--votes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="FER+ labels for the same rows: the file fer2013new.csv.",
)
model = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    shell_complete=complete_names(lambda: [path.stem for path in shipped_models()]),
    help="Name of a shipped model (see `mien models list`), or a .tflite file.",
)
detector = click.option(
    "--detector",
    default=DEFAULT_DETECTOR,
    show_default=True,
    metavar="DETECTOR",
    shell_complete=complete_names(DETECTORS.names),
    help=f"The face detector: {detector_help()}.",
)
cadence = click.option(
    "--cadence",
    type=Parsed("interval", parse_interval),
    metavar="auto|N",
    help="Detection interval: run the detector in every Nth frame, or when the scene requires it (auto). In between, "
    "faces are propagated by optical flow. Default: auto for live sources, 1 for others.",
)
prior = click.option(
    "--prior",
    multiple=True,
    default=(DEFAULT_PRIOR,),
    show_default=True,
    metavar="PRIOR",
    help="The place where the model is used: room (before a camera, where most faces are at rest), none (the network's "
    "own scores), fer2013 (as frequent as in its training data), or LABEL=SHARE, how frequent an expression is "
    "(neutral=0.6), which may be repeated. auto is room for models whose card has a score calibration, otherwise none.",
)
threads = click.option(
    "--threads",
    type=Parsed("threads", parse_threads),
    default=1,
    show_default=True,
    metavar="auto|N",
    help="Threads of each network. With auto, mien measures once, for a second, which number is fastest on this "
    "machine, and stores it.",
)


def read_with_progress(
    data: DataSet,
    splits: Sequence[str] | None,
    votes: Path | None = None,
    on_bad: Callable[[str], None] | None = None,
) -> dict[str, Faces]:
    """Read faces with a progress bar, and report bad records in one line on standard error.

    Args:
        data: the data set.
        splits: names of the splits to read; None for all that the data set has.
        votes: FER+'s `fer2013new.csv` for the same rows.
        on_bad: called with one line for each bad record that is left out.

    Raises:
        DataError: the data cannot be read.
    """
    bad: list[str] = []

    def note(line: str) -> None:
        bad.append(line)
        if on_bad:
            on_bad(line)

    with progress(f"reading {printable(data.name)}") as advance:
        faces = load_dataset(data, splits, votes=votes, progress=advance, on_bad=note)
    if bad:
        click.echo(one_line(summarize_bad_records(data.name, bad, sum(map(len, faces.values())))), err=True)
    return faces


class_order = click.option(
    "--class-order",
    type=Parsed("names", parse_class_order),
    metavar="NAMES",
    help="The classes of a network that does not state them, in the order of its outputs: alphabetical (as of Keras' "
    f"flow_from_directory and PyTorch's ImageFolder), {', '.join(NUMBERED)}, or A,B,C.  [default: as of the data]",
)


def input_mapping(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that state how pixels become the values that a network was trained on."""
    channels = Parsed("numbers", parse_channel_values)
    for option in (
        click.option(
            "--input-std", type=channels, metavar="R,G,B", help="What the difference to the mean was divided by."
        ),
        click.option(
            "--input-mean",
            type=channels,
            metavar="R,G,B",
            help="What was subtracted from these values, one for all channels or one for each; the range is then 0 1 "
            "unless stated.",
        ),
        click.option(
            "--input-range",
            type=float,
            nargs=2,
            metavar="LOW HIGH",
            help="The values of black and white that the network was trained on, if pixels were scaled outside it: "
            "0 1, or -1 1.",
        ),
    ):
        command = option(command)
    return command
