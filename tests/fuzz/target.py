"""A target: one parser, and how an input reaches it."""

import os
import random
from pathlib import Path

from edge.errors import MienError

#: Another folder is for the tests of this package.
CORPUS = Path(os.environ.get("MIEN_FUZZ_CORPUS") or Path(__file__).parent / "corpus")


class Target:
    """One parser; `registry` lists the subclasses.

    Args:
        folder: an empty folder for files, in memory.

    Attributes:
        name: of the target and of its folder in the corpus.
        kind: how the mutator changes inputs: `bytes`, `json` or `lines`.
        tokens: texts that the parser knows, for the mutator.
        errors: with which the parser rejects an input; their messages must be one line.
        max_bytes: the longest input.
    """

    name = ""
    kind = "bytes"
    tokens: tuple[bytes, ...] = ()
    errors: tuple[type[Exception], ...] = (MienError,)
    max_bytes = 1 << 16

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, data: bytes) -> None:
        """Give one input to the parser.

        Raises:
            Exception: one of `errors` where the input is rejected; any other error is a finding.
        """
        raise NotImplementedError

    def repair(self, data: bytes, choice: random.Random) -> bytes:
        """Return a mutated input with checksums made right, so that it gets further; by default as it is."""
        del choice
        return data

    def close(self) -> None:
        """End what the target has started."""

    def seeds(self) -> list[bytes]:
        """The corpus, in the order of the files' names."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())]
