"""A folder of images in the order of their names, or one image: each image is a frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from edge.errors import DataError, SourceError
from edge.images import IMAGE_SUFFIXES, image_files, read_image
from edge.sources.base import BaseSource, BlockingSource
from edge.system.untrusted_text import one_line, printable
from edge.types import Frame


class FolderSource(BaseSource):
    """All images directly inside a folder. An image that cannot be decoded is named, counted and skipped.

    Args:
        path: the folder, or a single image file.
        fps: images per second of the source's time.

    Raises:
        SourceError: the folder contains no image, or cannot be read.
    """

    usage = "a folder of images"

    def __init__(self, path: Path, fps: float = 1.0) -> None:
        self._fps = fps
        self.name = self.event_name(str(path))
        try:
            self._files = image_files(path) if path.is_dir() else [path]
        except OSError as error:
            raise SourceError(f"cannot read the folder {path}: {error.strerror or error}") from error
        if not self._files:
            raise SourceError(f"no image in {path}: expected .jpg, .png, .bmp or .webp files directly inside")
        self.total = len(self._files)

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the path is a folder, or has the suffix of an image file."""
        path = Path(spec)
        return path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES

    @classmethod
    def event_name(cls, spec: str) -> str:
        """The name of the folder or file."""
        return printable(Path(spec).name or spec)

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the folder or the image; images have the size of their files."""
        return cls(Path(spec))

    def __iter__(self) -> Iterator[Frame]:
        for index, file in enumerate(self._files):
            begin_s = time.monotonic()
            try:
                image = read_image(file)
            except DataError as error:
                self.unreadable += 1
                click.echo(f"mien: skipped: {one_line(str(error))}", err=True)
                continue
            yield Frame(image, index, begin_s, index / self._fps, (time.monotonic() - begin_s) * 1000)
        if self.unreadable == len(self._files):
            raise SourceError(f"none of the {self.unreadable} images of {self.name} could be read")
