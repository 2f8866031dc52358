"""The folder of `mien classify --annotated`: a copy of each image, with the faces drawn into it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.cli.result_folder import check_empty
from edge.errors import SinkError
from edge.images import IMAGE_SUFFIXES
from edge.system.atomic_files import replacing


class AnnotatedFolder:
    """Writes annotated images under the names of their files; what was there before is never overwritten.

    Args:
        path: a new or empty folder; it is made when the first image is written.

    Raises:
        WrongUseError: it is a file, or not empty.
    """

    def __init__(self, path: Path) -> None:
        check_empty(path, "--annotated")
        self._path = path
        self._names: set[str] = set()

    def write(self, source: Path, image: npt.NDArray[np.uint8]) -> Path:
        """Write one image in the format that the name of its source has, otherwise as PNG, and return where.

        Args:
            source: the file that the image was read from. Images of the same name, from different folders, get a number
                behind it.
            image: `(h, w, 3)` uint8 BGR.

        Raises:
            SinkError: it cannot be written.
        """
        path = self._path / self._unused_name(source)
        try:
            is_encoded, data = cv2.imencode(path.suffix, image)
            if not is_encoded:
                raise SinkError(f"cannot write {path}: OpenCV cannot encode it")
            with replacing(path) as temporary:
                temporary.write_bytes(data.tobytes())
        except (OSError, cv2.error) as error:
            raise SinkError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
        return path

    def _unused_name(self, source: Path) -> str:
        suffix = source.suffix if source.suffix.lower() in IMAGE_SUFFIXES else f"{source.suffix}.png"
        name, number = f"{source.stem}{suffix}", 1
        while name in self._names:
            number += 1
            name = f"{source.stem}-{number}{suffix}"
        self._names.add(name)
        return name
