"""Data sets: FER-2013's CSV, FER+'s votes, and images."""

import random
import zlib
from pathlib import Path

import cv2
import numpy as np

from edge.datasets import Faces, load_dataset, read_votes, relabel_by_votes
from edge.datasets.annotations import annotated_images
from edge.images import MAX_MEGAPIXELS, read_image
from edge.inference.contract import FER2013_LABELS
from edge.system.image_header import image_size
from tests.fuzz.target import CORPUS, Target


class Fer2013Csv(Target):
    """FER-2013's CSV, plain or compressed."""

    name = "fer2013"
    kind = "lines"
    tokens = (
        b"Training",
        b"PublicTest",
        b"PrivateTest",
        b"emotion,pixels,Usage\n",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"PK\x03\x04",
        b"fer2013.csv",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._votes = folder / "fer2013new.csv"
        self._votes.write_bytes((CORPUS / "ferplus" / "votes.csv").read_bytes())

    def run(self, data: bytes) -> None:
        path = self.folder / "fer2013.csv"
        path.write_bytes(data)
        bad: list[str] = []
        votes = self._votes if len(data) % 4 == 0 else None
        found = load_dataset(path, None, votes=votes, on_bad=bad.append)
        assert all(faces.images.shape == (len(faces), 48, 48) for faces in found.values())
        assert all("\n" not in line for line in bad)


class Annotation(Target):
    """AffectNet's file with the number of an expression."""

    name = "annotation"
    tokens = (b"\x93NUMPY\x01\0", b"'descr'", b"'|O'", b"'<U2'", b"'fortran_order'", b"'shape'", b"(9999999999,)")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in ("images", "annotations"):
            (folder / name).mkdir()
        (folder / "images" / "1.jpg").touch()

    def run(self, data: bytes) -> None:
        (self.folder / "annotations" / "1_exp.npy").write_bytes(data)
        ((_, number),) = annotated_images(self.folder)
        assert len(number) < 100


class FerPlusVotes(Target):
    """FER+'s votes."""

    name = "ferplus"
    kind = "lines"
    tokens = (b"Usage", b"Image name", b"contempt", b"Training", b'"', b"256", b"-1", b"\r")

    def run(self, data: bytes) -> None:
        path = self.folder / "fer2013new.csv"
        path.write_bytes(data)
        usages, votes = read_votes(path)
        n = len(votes)
        assert len(usages) == n
        if n:
            zeros = np.zeros(n, np.int64)
            faces = Faces(np.zeros((n, 48, 48), np.uint8), zeros, zeros, FER2013_LABELS, votes)
            relabel_by_votes(faces, ("majority", "probability")[len(data) % 2])


class Image(Target):
    """An image file: what is decoded must be as large as the header states, since that is what is checked."""

    name = "image"
    tokens = (
        b"\xff\xd8\xff", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"acTL",
        b"eXIf", b"BM", b"RIFF", b"WEBPVP8X", b"ANIM", b"II*\0", b"\x76\x2f\x31\x01",
    )  # fmt: skip

    def run(self, data: bytes) -> None:
        path = self.folder / "image"
        path.write_bytes(data)
        flags = cv2.IMREAD_GRAYSCALE if len(data) % 2 else cv2.IMREAD_COLOR
        image = read_image(path, flags)
        width, height = image_size(data)
        assert image.shape[:2] in ((height, width), (width, height)), f"{image.shape} decoded of {width} x {height}"
        assert width * height <= MAX_MEGAPIXELS * 1e6

    def repair(self, data: bytes, choice: random.Random) -> bytes:
        """Make the checksums of a PNG's chunks right."""
        if not data.startswith(b"\x89PNG") or choice.random() < 0.3:
            return data
        fixed, position = bytearray(data), 8
        while position + 12 <= len(fixed):
            end = position + 8 + int.from_bytes(fixed[position : position + 4], "big")
            if end + 4 > len(fixed):
                break
            fixed[end : end + 4] = zlib.crc32(fixed[position + 4 : end]).to_bytes(4, "big")
            position = end + 4
        return bytes(fixed)
