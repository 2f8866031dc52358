"""A folder of images in the order of their names, or one image: each one is a frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from edge.errors import DataError, SourceError
from edge.images import image_files, read_image
from edge.sources.base import ClosingSource
from edge.types import Frame


class FolderSource(ClosingSource):
    """All images directly inside a folder. One that cannot be decoded is named, counted and passed over.

    Args:
        path: the folder, or a single image file.
        fps: how many of them make a second of the source's time.

    Raises:
        SourceError: there is no image in it.
    """

    def __init__(self, path: Path, fps: float = 1.0) -> None:
        self._fps = fps
        self.name = path.name or str(path)
        try:
            self._files = image_files(path) if path.is_dir() else [path]
        except OSError as error:
            raise SourceError(f"cannot read the folder {path}: {error.strerror or error}") from error
        if not self._files:
            raise SourceError(f"no image in {path}: expected .jpg, .png, .bmp or .webp files directly inside")
        self.total = len(self._files)

    def __iter__(self) -> Iterator[Frame]:
        for index, file in enumerate(self._files):
            begin_s = time.monotonic()
            try:
                image = read_image(file)
            except DataError as error:
                self.unreadable += 1
                click.echo(f"mien: passed over: {error}", err=True)
                continue
            yield Frame(image, index, begin_s, index / self._fps, (time.monotonic() - begin_s) * 1000)
        if self.unreadable == len(self._files):
            raise SourceError(f"none of the {self.unreadable} images of {self.name} could be read")
