"""The candidates of a benchmark: model files with short, distinct names for a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import WrongUseError
from edge.inference.shipped_models import find_model
from edge.system.hashing import sha256_of
from edge.system.untrusted_text import printable

#: Keras' own formats, which need the extra `train`.
KERAS_SUFFIXES = (".keras", ".h5")
#: File name of the model in a run folder of `mien train fit`.
RUN_MODEL = "model.keras"


@dataclass(frozen=True)
class Candidate:
    """One model file.

    Attributes:
        name: the file name without its suffix, or the name of its run folder; with as many parent folders as are
            needed to distinguish it from the other candidates.
        path: the file.
        size_bytes: of the file, with the card.
        sha256: of the file.
    """

    name: str
    path: Path
    size_bytes: int
    sha256: str


def find_candidates(models: Sequence[str]) -> list[Candidate]:
    """Find the models that were asked for.

    Args:
        models: shipped names, or paths to .tflite, .keras or .h5 files.

    Raises:
        WrongUseError: there are no models, or one of them is given twice.
        ModelError: a file does not exist.
    """
    if not models:
        raise WrongUseError("no models: expected shipped names (see `mien models list`) or .tflite or .keras files")
    paths = [find_model(model) for model in models]
    digests = [sha256_of(path) for path in paths]
    for i, digest in enumerate(digests):
        if digest in digests[:i]:
            first = models[digests.index(digest)]
            raise WrongUseError(f"{models[i]} and {first} are the same model: expected each once")
    names = _names(paths)
    return [
        Candidate(name, path, path.stat().st_size, digest)
        for name, path, digest in zip(names, paths, digests, strict=True)
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest distinct ends of the paths; suffixes are used only if they are needed."""
    full = [path.resolve() for path in paths]
    # The model in a run folder has the name of the folder.
    plain = [path.parent if path.name == RUN_MODEL else path.with_suffix("") for path in full]
    for parts in range(1, max(len(path.parts) for path in full) + 1):
        for names in (["/".join(path.parts[-parts:]) for path in some] for some in (plain, full)):
            if len(set(names)) == len(names):
                return list(map(printable, names))
    raise AssertionError("different files have different paths")
