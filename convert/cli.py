"""`mien convert`: quantize, verify."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from convert.tensorflow import import_tensorflow
from edge.card import ModelCard, write_model
from edge.commands.options import data, progress, read_with_progress, split
from edge.contract import CROP_MARGIN, EIGHT_LABELS
from edge.digest import sha256_of
from edge.errors import ModelError, WrongUseError
from edge.files import write_json


@click.group()
def convert() -> None:
    """To int8 .tflite, with proof. Needs the extra 'train'."""


@convert.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .tflite to write.")
@click.option("--samples", type=click.IntRange(1), default=500, show_default=True, help="Faces to calibrate on.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw of those faces.")
@click.option("--limit", type=click.IntRange(1), help="Score at most so many faces.")
@click.option("--max-drop", type=float, default=1.0, show_default=True, help="Points of accuracy it may lose.")
@click.option("--name", help="Name in the card.  [default: the recipe's]")
@click.option("--version", type=click.IntRange(1), default=1, show_default=True, help="Version in the card.")
@click.option("--licence", default="", help="Licence of the weights, for the card.")
@click.option("--force", is_flag=True, help="Replace --out where it exists.")
def quantize(
    model: Path,
    data: Path,
    split: str,
    out: Path,
    samples: int,
    seed: int,
    limit: int | None,
    max_drop: float,
    name: str | None,
    version: int,
    licence: str,
    force: bool,
) -> None:
    """Convert a .keras MODEL to a full-int8 .tflite with a card that says what it cost.

    Calibrates on a class-balanced draw from Training, scores on --split, and writes nothing if the accuracy
    drops by more than --max-drop points.
    """
    if split == "Training":
        raise WrongUseError("--split Training is what the model is calibrated on: score on PublicTest")
    if out.exists() and not force:
        raise WrongUseError(f"{out} exists: give another --out, or --force to replace it")
    if out.suffix != ".tflite":
        raise WrongUseError(f"--out {out} does not end in .tflite")
    import_tensorflow()

    from convert.calibrate import representative_set
    from convert.quantize import quantize_int8
    from convert.verify import check_contract, compare
    from train.evaluate import load_keras_model

    reference = load_keras_model(model)
    run = _run_metrics(model)
    labels = _labels(reference, run, model)
    faces = read_with_progress(data, ("Training", split))
    if faces[split].labels != labels:
        raise ModelError(f"{model} answers {', '.join(labels)}; {data} has {', '.join(faces[split].labels)}")
    representative = representative_set(faces["Training"], samples, seed)
    click.echo(f"calibrating on {len(representative.rows)} faces of Training, one black and one white image")
    graph = quantize_int8(reference, representative)
    card = ModelCard(
        name=name or run.get("recipe") or model.stem,
        version=version,
        labels=labels,
        scheme="int8",
        architecture=run.get("architecture", ""),
        input_shape=(1, *reference.input_shape[1:]),
        crop_margin=CROP_MARGIN,
        training_data=run.get("data", {}),
        calibration={"data": {"name": data.name, "sha256": sha256_of(data)}, **representative.as_dict()},
        seed=run.get("seed"),
        licence=licence,
        source_commit=_commit(),
    )
    # Beside the final name, so that only a file that has passed ever bears it.
    candidate = out.with_name(f".{out.stem}-candidate.tflite")
    try:
        write_model(candidate, graph, card)
        classifier = check_contract(candidate).classifier
        with progress(f"scoring on {split}") as advance:
            comparison = compare(classifier, reference, faces[split].sample(limit, 0), split, advance)
        # This way round a NaN refuses everything.
        if not comparison.drop_points <= max_drop:
            raise ModelError(
                f"int8 costs {comparison.drop_points:.2f} points on {split}, more than --max-drop {max_drop}: "
                "nothing written; try more --samples"
            )
        write_model(out, graph, replace(card, measured=comparison.as_dict()))
    finally:
        candidate.unlink(missing_ok=True)
    _print_comparison(comparison)
    click.echo(f"{out}: {out.stat().st_size / 1024:.0f} KiB, {card.identity}")


@convert.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@click.option("--reference", type=click.Path(path_type=Path), required=True, help="The .keras model it came from.")
@click.option("--limit", type=click.IntRange(1), help="Score at most so many faces.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the proof as JSON too.")
def verify(model: Path, data: Path, split: str, reference: Path, limit: int | None, json_path: Path | None) -> None:
    """Prove that a .tflite MODEL is full int8, keeps the contract, and how well it agrees with its .keras."""
    import_tensorflow()

    from convert.verify import check_contract, compare
    from train.evaluate import load_keras_model

    checked = check_contract(model)
    click.echo(
        f"{model} is whole; its {len(checked.tensors)} tensors are int8 and int32; input uint8, scale 1, zero point 0; "
        "output int8"
    )
    keras_model = load_keras_model(reference)
    faces = read_with_progress(data, (split,))[split].sample(limit, 0)
    with progress(f"scoring on {split}") as advance:
        comparison = compare(checked.classifier, keras_model, faces, split, advance)
    _print_comparison(comparison)
    if json_path is not None:
        write_json(json_path, {"model": checked.classifier.card.identity, **comparison.as_dict()})


def _run_metrics(model: Path) -> dict[str, Any]:
    """What the run folder says of the model; nothing where it stands alone."""
    path = model.with_name("metrics.json")
    try:
        table = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}, which says what {model.name} is: {error}") from error
    return table if isinstance(table, dict) else {}


def _labels(reference: Any, run: dict[str, Any], model: Path) -> tuple[str, ...]:
    n = reference.output_shape[-1]
    labels = tuple(run.get("labels") or EIGHT_LABELS[:n])
    if len(labels) != n:
        raise ModelError(f"{model} answers {n} classes, expected {len(labels)}: {', '.join(labels)}")
    return labels


def _commit() -> str:
    """The commit of this checkout; empty where mien is installed, not checked out."""
    root = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An installed mien may lie inside somebody else's checkout.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "edge", "train", "convert")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _print_comparison(comparison: Any) -> None:
    before, after = comparison.before, comparison.after
    click.echo(f"{comparison.split}, {after.n} faces   float   int8")
    click.echo(f"{'accuracy':<22}{before.accuracy:>7.2%}{after.accuracy:>7.2%}")
    click.echo(f"{'macro-F1':<22}{before.macro_f1:>7.4f}{after.macro_f1:>7.4f}")
    for label in after.recall:
        click.echo(f"{'recall ' + label:<22}{before.recall[label]:>7.1%}{after.recall[label]:>7.1%}")
    click.echo(f"same answer on {comparison.agreement:.2%}; int8 costs {comparison.drop_points:+.2f} points")
