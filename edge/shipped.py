"""The models that ship with mien."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ModelError

MODELS_FOLDER = Path(__file__).parent / "models"
DEFAULT_MODEL = "mien-small-int8"


def shipped_models() -> list[Path]:
    """The shipped .tflite files, by name."""
    return sorted(MODELS_FOLDER.glob("*.tflite"))


def find_model(name_or_path: str) -> Path:
    """A shipped model by its name, or any .tflite by its path.

    Raises:
        ModelError: there is neither.
    """
    names = {path.stem: path for path in shipped_models()}
    if name_or_path in names:
        return names[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        raise ModelError(
            f"no model {name_or_path!r}: expected a .tflite file or a shipped one: {', '.join(names) or 'none'}"
        )
    return path
