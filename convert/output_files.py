"""The files of a conversion: the model, its proof, and their names if the quality gate rejects them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.errors import WrongUseError


def proof_paths(model: Path) -> tuple[Path, Path]:
    """Return the paths of a model's proof, as JSON and as a page."""
    return model.with_name(f"{model.stem}-proof.json"), model.with_name(f"{model.stem}-proof.html")


def rejected_path(model: Path) -> Path:
    """Return the path at which a model that the quality gate rejected is kept."""
    return model.with_name(f"{model.stem}-rejected.tflite")


def check_output(out: Path, schemes: Sequence[str], model: Path, force: bool) -> None:
    """Check the option `--out` before anything is read.

    Args:
        out: a .tflite file for one scheme, or a folder for several.
        schemes: the schemes to convert to.
        model: the float model, which must not be overwritten.
        force: whether existing files may be overwritten.

    Raises:
        WrongUseError: `out` does not fit the schemes, or names a file that must not be overwritten.
    """
    if out.suffix == ".tflite":
        if len(schemes) > 1:
            raise WrongUseError(f"--out {out} is one file for {len(schemes)} schemes: give a folder")
        check_target(out, model, force)
    elif not out.is_dir() and (out.exists() or out.suffix):
        raise WrongUseError(f"--out {out} does not end in .tflite and is not a folder")


def check_target(target: Path, model: Path, force: bool) -> None:
    """Check that a model and its proof can be written.

    Raises:
        WrongUseError: the target is a folder or the float model, or one of its files exists and `force` is off.
    """
    if target.is_dir():
        raise WrongUseError(f"{target} is a folder: expected a .tflite file")
    if target.resolve() == model.resolve():
        raise WrongUseError(f"{target} is the model itself: give another --out")
    rejected = rejected_path(target)
    for path in (target, *proof_paths(target), rejected, *proof_paths(rejected)):
        if path.exists() and not force:
            raise WrongUseError(f"{path} exists: give another --out, or --force to replace it")
