"""The cache folder, for files that mien can fetch or measure again."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from edge.errors import WrongUseError
from edge.system.operating_system import user_id


def cache_folder() -> Path:
    """Return `$MIEN_CACHE` if it is set, else the folder `mien` in `$XDG_CACHE_HOME` or `~/.cache`.

    A user without a home (HOME is not set, and the user id has no entry in passwd, as in a container) gets a folder
    below the temporary folder.

    Raises:
        WrongUseError: that folder cannot be created, or belongs to somebody else; or users have no id here.
    """
    if chosen := os.environ.get("MIEN_CACHE"):
        return Path(chosen)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "mien"
    try:
        return Path.home() / ".cache" / "mien"
    except RuntimeError:
        uid = user_id()
        if uid is None:
            raise WrongUseError("no home folder: set USERPROFILE or MIEN_CACHE") from None
        return _temporary_folder(uid)


def weights_folder() -> Path:
    """Return the folder of the detectors' weights: `$MIEN_WEIGHTS` if it is set, else the cache folder.

    An installed release has its weights beside it and sets that variable; nothing may be written into a release.

    Raises:
        WrongUseError: see `cache_folder`.
    """
    if chosen := os.environ.get("MIEN_WEIGHTS"):
        return Path(chosen)
    return cache_folder()


def _temporary_folder(uid: int) -> Path:
    """Return a folder that nobody else can write to, though everybody knows its name."""
    folder = Path(tempfile.gettempdir()) / f"mien-cache-{uid}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # Not that of a link: another user may have put one there.
        found = folder.lstat()
    except OSError as error:
        raise WrongUseError(
            f"no home folder, and cannot create {folder} ({error.strerror or error}): set HOME or MIEN_CACHE"
        ) from error
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & others:
        raise WrongUseError(f"no home folder, and others can write to {folder}: set HOME or MIEN_CACHE")
    return folder
