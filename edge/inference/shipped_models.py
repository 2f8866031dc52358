"""The models that ship with mien, or with the bundle from which it was installed."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import ModelError

MODELS_FOLDER = Path(__file__).parent / "models"
DEFAULT_MODEL = "mien-small-int8"


def shipped_models() -> list[Path]:
    """Return the shipped .tflite files, sorted by name.

    Files in the folder `$MIEN_MODELS` take precedence over others of the same name.
    """
    folders = [MODELS_FOLDER, *(Path(folder) for folder in (os.environ.get("MIEN_MODELS"),) if folder)]
    names = {path.stem: path for folder in folders for path in folder.glob("*.tflite")}
    return [names[name] for name in sorted(names)]


def find_model(name_or_path: str) -> Path:
    """Return the path of a shipped model by its name, or any path of a .tflite as it is.

    Raises:
        ModelError: there is neither a shipped model of this name nor such a file.
    """
    names = {path.stem: path for path in shipped_models()}
    if name_or_path in names:
        return names[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        raise ModelError(
            f"no model {name_or_path!r}: expected a .tflite file or the name of a shipped model "
            f"({', '.join(names) or 'none is installed'})"
        )
    return path
