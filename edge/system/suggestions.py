"""What a user may have meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Return `; did you mean NAME?` for the name that is most similar to a text; empty if none is."""
    known = {name.lower(): name for name in names}
    found = get_close_matches(text.lower(), known, n=1)
    return f"; did you mean {known[found[0]]}?" if found else ""
