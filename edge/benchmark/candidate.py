"""What takes part in a benchmark: model files, told apart by names that fit a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from edge.errors import WrongUseError
from edge.inference.shipped_models import find_model

#: Keras' own formats, for which the training extra is needed.
KERAS_SUFFIXES = (".keras", ".h5")
#: What `mien train fit` calls every model that it leaves in a run folder.
RUN_MODEL = "model.keras"


@dataclass(frozen=True)
class Candidate:
    """One model file.

    Attributes:
        name: of the file without its suffix, or of its run folder; with as many folders in front as tell it from the
            others.
        path: the file.
        size_bytes: with the card.
        sha256: of the file.
    """

    name: str
    path: Path
    size_bytes: int
    sha256: str


def find_candidates(models: Sequence[str]) -> list[Candidate]:
    """The models as they were asked for.

    Args:
        models: shipped names, or paths to .tflite, .keras or .h5 files.

    Raises:
        WrongUseError: none, or one of them twice.
        ModelError: a file is not there.
    """
    if not models:
        raise WrongUseError("no models: expected shipped names (see `mien models list`) or .tflite or .keras files")
    paths = [find_model(model) for model in models]
    contents = [path.read_bytes() for path in paths]
    digests = [sha256(content).hexdigest() for content in contents]
    for i, digest in enumerate(digests):
        if digest in digests[:i]:
            first = models[digests.index(digest)]
            raise WrongUseError(f"{models[i]} and {first} are the same model: expected each once")
    names = _names(paths)
    return [
        Candidate(name, path, len(content), digest)
        for name, path, content, digest in zip(names, paths, contents, digests, strict=True)
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that are all different, without suffixes where these tell nothing apart."""
    whole = [path.resolve() for path in paths]
    # A run folder's model is called as the run.
    plain = [path.parent if path.name == RUN_MODEL else path.with_suffix("") for path in whole]
    for parts in range(1, max(len(path.parts) for path in whole) + 1):
        for names in (["/".join(path.parts[-parts:]) for path in some] for some in (plain, whole)):
            if len(set(names)) == len(names):
                return names
    raise AssertionError("different files have different paths")
