"""The cache folder, for files that mien can fetch or measure again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return `$MIEN_CACHE` if it is set, else the folder `mien` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if chosen := os.environ.get("MIEN_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mien"
