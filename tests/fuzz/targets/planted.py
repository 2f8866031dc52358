"""A target that fails on purpose, in each way that a parser can fail: for the tests of this package."""

import os
import time

from edge.errors import MienError
from tests.fuzz.target import Target


class Planted(Target):
    """Fails as the first letter of the input names it."""

    name = "planted"

    def run(self, data: bytes) -> None:
        kind = data[:1]
        if kind == b"C":
            os.abort()
        if kind == b"E":
            raise KeyError("planted")
        if kind == b"H":
            time.sleep(60)
        if kind == b"L":
            raise MienError("two\nlines")
        if kind == b"M":
            assert b"x" * 600_000_000
        if kind != b"A":
            raise MienError("expected an A")
