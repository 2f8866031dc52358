"""The models that ship with mien, or with the bundle from which it was installed."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import ModelError, UnknownModelError
from edge.system.suggestions import did_you_mean

MODELS_FOLDER = Path(__file__).parent / "models"
DEFAULT_MODEL = "mien-small-ferplus-int8"


def shipped_models() -> list[Path]:
    """Return the shipped .tflite files, sorted by name.

    Files in the folder `$MIEN_MODELS` take precedence over others of the same name.
    """
    folders = [MODELS_FOLDER, *(Path(folder) for folder in (os.environ.get("MIEN_MODELS"),) if folder)]
    names = {path.stem: path for folder in folders for path in folder.glob("*.tflite")}
    return [names[name] for name in sorted(names)]


def find_model(name_or_path: str) -> Path:
    """Return the path of a shipped model by its name, or any path of a .tflite as it is.

    Args:
        name_or_path: `mien-small-int8`; `mien-small` if only one scheme of it is shipped; a path.

    Raises:
        UnknownModelError: it is a name, and no shipped model has it.
        ModelError: it is a path, and no file is there.
    """
    if (found := _named(name_or_path)) is not None:
        return found
    path = Path(name_or_path)
    if not path.is_file():
        names = [each.stem for each in shipped_models()]
        expected = (
            f"expected a .tflite file or the name of a shipped model ({', '.join(names) or 'none is installed'})"
            f"{did_you_mean(name_or_path, names)}"
        )
        if path.name == name_or_path and not path.suffix:
            raise UnknownModelError(f"no model {name_or_path!r}: {expected}")
        raise ModelError(f"no model {name_or_path!r}: no such file; {expected}")
    return path


def path_of_model(path: Path) -> Path:
    """Return the path of a shipped model that a command was given by its name; any other path as it is."""
    return path if path.exists() else _named(str(path)) or path


def _named(name: str) -> Path | None:
    names = {path.stem: path for path in shipped_models()}
    whole = [each for each in names if each == name] or [each for each in names if each.rpartition("-")[0] == name]
    return names[whole[0]] if len(whole) == 1 else None
