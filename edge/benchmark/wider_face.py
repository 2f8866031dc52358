"""Photographs with the boxes of their faces, in the text format of WIDER FACE (Yang et al., CVPR 2016).

A picture is one line with its path, one with the number of faces, and one for each face:
`x y w h blur expression illumination invalid occlusion pose`. A picture without faces has the number 0, and one line
of zeros all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge.errors import DataError, shown
from edge.system.regular_files import read_regular
from edge.types import Box

#: Position of the flag for a face that is too unclear to count.
_INVALID = 7
_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class LabeledFace:
    """One face of a picture.

    Attributes:
        box: x, y, width and height in pixels.
        ignored: whether it neither has to be found nor is a mistake if it is: it is marked as invalid, or has no area.
    """

    box: Box
    ignored: bool


@dataclass(frozen=True)
class LabeledPicture:
    """One picture.

    Attributes:
        name: its path within the data, with `/` between the parts.
        faces: all of its faces.
    """

    name: str
    faces: tuple[LabeledFace, ...]


def read_wider(path: Path) -> list[LabeledPicture]:
    """Read the boxes of all pictures.

    Args:
        path: such as `wider_face_val_bbx_gt.txt`. Lines of faces may end after `w h`, `h` being the fourth value.

    Returns:
        The pictures in the order of the file.

    Raises:
        DataError: the file cannot be read, or is not in this format; or a path leads out of the data.
    """
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; expected a file in WIDER's format") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8: expected a file in WIDER's format") from error
    pictures = list(_pictures(text.splitlines(), path))
    if not pictures:
        raise DataError(f"{path} names no pictures: expected a path, a number of faces and their boxes for each")
    names = [picture.name for picture in pictures]
    if len(set(names)) != len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise DataError(f"{path} names {shown(twice)} twice: expected each picture once")
    return pictures


def _pictures(lines: list[str], path: Path) -> Iterator[LabeledPicture]:
    i = 0
    while i < len(lines):
        name = lines[i].strip()
        i += 1
        if not name:
            continue
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts:
            raise DataError(f"{path}, line {i}: {shown(name)} leads out of the data: expected a path within it")
        count = lines[i].strip() if i < len(lines) else ""
        if not re.fullmatch(r"[0-9]{1,6}", count):
            raise DataError(f"{path}, line {i + 1}: expected the number of faces of {shown(name)}, got {shown(count)}")
        i += 1
        faces = []
        for _ in range(int(count)):
            faces.append(_face(lines[i] if i < len(lines) else "", path, i + 1))
            i += 1
        if not faces and i < len(lines) and lines[i].split() and set(lines[i].split()) == {"0"}:
            i += 1
        yield LabeledPicture(name, tuple(faces))


def _face(line: str, path: Path, number: int) -> LabeledFace:
    try:
        values = [_int(text) for text in line.split()]
        x, y, w, h = values[:4]
    except ValueError as error:
        raise DataError(
            f"{path}, line {number}: expected x y w h blur expression illumination invalid occlusion pose, "
            f"got {shown(line.strip())}"
        ) from error
    invalid = len(values) > _INVALID and values[_INVALID] != 0
    return LabeledFace((x, y, w, h), invalid or w <= 0 or h <= 0)


def _int(text: str) -> int:
    """Return a number of pixels, or a flag.

    Raises:
        ValueError: it is none, or has more digits than any picture has pixels.
    """
    if not re.fullmatch(r"-?[0-9]{1,7}", text):
        raise ValueError(text)
    return int(text)
