"""The files of a project that are the same for every model, and its README."""

from __future__ import annotations

import shutil
from pathlib import Path

from convert.micro.micro_proof import MicroProof
from edge.inference.model_card import LABELS_NAME, ModelFile

SOURCE = Path(__file__).parent / "source"
#: Ends the name of a text that becomes a Python file: in this package it must not be one.
_TEMPLATE = ".txt"
_PORTABLE = ("src/mien_portable.c", "src/mien_kernels.c", "src/mien_kernels.h", "src/mien_network.h")


def copy_sources(folder: Path, model: ModelFile, proof: MicroProof, *, is_portable: bool) -> None:
    """Write the files that do not depend on the network.

    Args:
        folder: to be made.
        model: the model.
        proof: for the README.
        is_portable: whether the portable kernels belong to the project.
    """
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.md.txt"))
    if not is_portable:
        for name in _PORTABLE:
            (folder / name).unlink()
    values = {
        "model": proof.model,
        "size": str(model.card.input_shape[1]),
        "margin": str(model.card.crop_margin),
        "arena": f"{proof.arena_bytes:,}",
        "flash": f"{proof.flash_bytes:,}",
        "portable": "" if proof.portable_arena_bytes is None else f"{proof.portable_arena_bytes:,}",
        "not_portable": proof.not_portable,
    }
    template = SOURCE / ("README.md.txt" if is_portable else "README-tflm.md.txt")
    (folder / "README.md").write_text(_filled(template, values), "utf-8")
    for path in folder.rglob(f"*.py{_TEMPLATE}"):
        path.with_suffix("").write_text(_filled(path, values), "utf-8")
        path.unlink()
    openmv = folder / "examples" / "openmv"
    (openmv / "mien.tflite").write_bytes(model.graph)
    (openmv / LABELS_NAME).write_text("".join(f"{label}\n" for label in model.card.labels), "utf-8")


def _filled(template: Path, values: dict[str, str]) -> str:
    text = template.read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
