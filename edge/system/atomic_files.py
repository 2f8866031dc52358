"""Writes files atomically: a reader sees the old file or the whole new one."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edge.errors import SinkError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`: it replaces `path` when the block ends, and is removed if the block fails.

    A device or a pipe, such as `/dev/stdout`, is written to directly: a file must not replace it.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    # Not Path.resolve, which raises RuntimeError for a loop of links.
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # All suffixes are kept: Keras looks for `.weights.h5`.
    stem, suffixes = path.name.split(".")[0], "".join(path.suffixes)
    handle, name = tempfile.mkstemp(prefix=f".{stem}-", suffix=suffixes, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files that only their owner can read: use the mode of the file that is replaced, or the one
        # that open() would give.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~umask)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def check_writable(path: Path) -> None:
    """Check before a long run that its result can be written.

    Raises:
        SinkError: it cannot be written.
    """
    if path.is_dir():
        raise SinkError(f"cannot write {path}: it is a folder, expected a file")
    if path.exists() and not path.is_file():
        return
    try:
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):
            pass
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror or error}") from error
