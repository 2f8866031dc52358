"""`mien convert quantize`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convert.cli.options import gate
from convert.quality_gate import Limits
from convert.schemes import CALIBRATED, SCHEMES
from edge.cli.options import progress, split, votes
from edge.errors import ModelError, WrongUseError

if TYPE_CHECKING:
    from convert.calibration import RepresentativeSet
    from convert.float_model import FloatModel
    from edge.datasets.reader import Faces


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Faces to calibrate and score on: fer2013.csv or a folder.",
)
@click.option(
    "--frames",
    type=click.Path(path_type=Path),
    metavar="CLIP",
    help="Instead: a clip or folder to calibrate a detector on.",
)
@split
@votes
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The .tflite to write, or a folder for several schemes.",
)
@click.option(
    "--scheme",
    "schemes",
    type=click.Choice(SCHEMES),
    multiple=True,
    default=("int8",),
    show_default=True,
    help="Several by giving it again.",
)
@click.option("--samples", type=click.IntRange(1), default=500, show_default=True, help="Images to calibrate on.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw of those images.")
@click.option("--keep-float", metavar="LAYER", multiple=True, help="A layer to leave in float.")
@click.option("--limit", type=click.IntRange(1), help="Score at most so many faces.")
@gate
@click.option(
    "--input-range",
    type=float,
    nargs=2,
    default=(-1.0, 1.0),
    show_default=True,
    metavar="LOW HIGH",
    help="With --frames: what the detector's input is for black and for white.",
)
@click.option("--keep-refused", is_flag=True, help="Leave what the gate refuses as NAME-refused.tflite.")
@click.option("--name", help="Name in the card.  [default: the recipe's]")
@click.option("--version", type=click.IntRange(1), help="Version in the card.  [default: the source's, or 1]")
@click.option("--licence", default="", help="Licence of the weights, for the card.")
@click.option("--force", is_flag=True, help="Replace what exists.")
def quantize(
    model: Path,
    data: Path | None,
    frames: Path | None,
    votes: Path | None,
    split: str,
    out: Path,
    schemes: tuple[str, ...],
    samples: int,
    seed: int,
    keep_float: tuple[str, ...],
    limit: int | None,
    max_drop: float,
    min_agreement: float,
    max_class_drop: float,
    keep_refused: bool,
    input_range: tuple[float, float],
    **card: Any,
) -> None:
    """Convert MODEL (.keras, .h5, SavedModel, float .tflite) to a .tflite with a card and a proof.

    Calibrates on a class-balanced draw from Training and scores on --split. Beside the model stands its proof,
    as JSON and as a page. Past a limit the command exits 1 and leaves nothing.
    """
    if (data is None) == (frames is None):
        raise WrongUseError("give either --data (faces, for a classifier) or --frames (a clip, for a detector)")
    if votes is not None and data is None:
        raise WrongUseError("--votes belongs to --data")
    if split == "Training":
        raise WrongUseError("--split Training is what the model is calibrated on: score on PublicTest")
    schemes = tuple(dict.fromkeys(schemes))
    force = card.pop("force")
    _check_out(out, schemes, model, force)

    from convert.conversion import Conversion
    from convert.float_model import load_float_model

    source = load_float_model(model)
    name = card["name"] or (source.card.name if source.card else source.run.get("recipe")) or source.path.stem
    targets = {scheme: out if out.suffix == ".tflite" else out / f"{name}-{scheme}.tflite" for scheme in schemes}
    for target in targets.values():
        _check_free(target, model, force)
    calibrated = any(scheme in CALIBRATED for scheme in schemes)
    representative, faces = None, None
    if data is not None:
        source, representative, faces = _faces(source, data, split, votes, samples if calibrated else 0, seed)
        faces = faces.sample(limit, 0)
    elif frames is not None:
        source = replace(source, input_range=input_range)
        representative = _frames(source, frames, samples, seed)
    if representative is not None:
        click.echo(_say_set(representative))
    with progress("calibrating") as advance:
        conversion = Conversion.prepare(source, representative, faces, split, data or frames or Path(), advance)
    refused = []
    for scheme, target in targets.items():
        with progress(f"scoring {scheme}") as advance:
            proof = conversion.convert(
                scheme,
                target,
                keep_float=keep_float,
                limits=Limits(max_drop, min_agreement, max_class_drop),
                keep_refused=keep_refused,
                card={**card, "name": name},
                progress=advance,
            )
        click.echo(proof.as_text())
        if proof.violations:
            refused.append(conversion.refusal(proof))
            click.echo("refused\n")
        else:
            click.echo(f"{target}: {target.stat().st_size / 1024:.0f} KiB, {proof.model}\n")
    if refused:
        raise ModelError("; ".join(refused))


def _faces(
    source: FloatModel, data: Path, split: str, votes: Path | None, samples: int, seed: int
) -> tuple[FloatModel, RepresentativeSet | None, Faces]:
    """The model with its classes named, the representative set, unless `samples` is 0, and the faces to score on."""
    from convert.calibration import representative_faces
    from convert.labeled_faces import read_labeled_faces

    if not source.is_classifier:
        raise WrongUseError(
            f"{source.path} is no classifier of grey faces with labels: give --frames to calibrate a detector, or "
            f"write a card {source.path.stem}.json beside it"
        )
    source, faces = read_labeled_faces(source, data, ("Training", split) if samples else (split,), votes)
    if not samples:
        return source, None, faces[split]
    drawn = representative_faces(faces["Training"], samples, seed, faces[split], source.resized)
    return source, drawn, faces[split]


def _frames(source: FloatModel, frames: Path, samples: int, seed: int) -> RepresentativeSet:
    from convert.calibration import representative_frames

    _, height, width, channels = source.input_shape
    if channels != 3 or source.labels:
        raise WrongUseError(f"{source.path} is no network for whole RGB frames: give --data with labelled faces")
    return representative_frames(frames, samples, seed, (width, height))


def _say_set(drawn: RepresentativeSet) -> str:
    added = ", one black and one white image" if drawn.added else ""
    left_out = f"; {drawn.left_out} faces are scored too and were left out" if drawn.left_out else ""
    return f"calibrating on {len(drawn.rows)} images of {drawn.drawn_from}{added}{left_out}"


def _check_out(out: Path, schemes: Sequence[str], model: Path, force: bool) -> None:
    if out.suffix == ".tflite":
        if len(schemes) > 1:
            raise WrongUseError(f"--out {out} is one file for {len(schemes)} schemes: give a folder")
        _check_free(out, model, force)
    elif not out.is_dir() and (out.exists() or out.suffix):
        raise WrongUseError(f"--out {out} does not end in .tflite and is no folder")


def _check_free(target: Path, model: Path, force: bool) -> None:
    from convert.conversion import proof_names, rejected_path

    if target.is_dir():
        raise WrongUseError(f"{target} is a folder: expected a .tflite file")
    if target.resolve() == model.resolve():
        raise WrongUseError(f"{target} is the model itself: give another --out")
    refused = rejected_path(target)
    for name in (target, *proof_names(target), refused, *proof_names(refused)):
        if name.exists() and not force:
            raise WrongUseError(f"{name} exists: give another --out, or --force to replace it")
