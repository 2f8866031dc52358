"""Reads the images of a folder of faces, of any size, grayscale or color."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.datasets.bad_records import BadRecords
from edge.datasets.faces import Faces, Progress
from edge.datasets.folder_layout import FolderLayout
from edge.datasets.image_store import FaceStore
from edge.errors import DataError
from edge.images import read_image
from edge.inference.contract import preprocess
from edge.system.operating_system import usable_cores

#: More threads would wait for each other: a quarter of the time per file is Python's, which runs in one at a time.
MAX_THREADS = 8
#: Files that the threads read before the faces are stored, and the progress is reported.
_CHUNK = 500


def read_folder(
    layout: FolderLayout, splits: Sequence[str], progress: Progress | None, bad_records: BadRecords
) -> dict[str, Faces]:
    """Read splits of a folder.

    Args:
        layout: where the images of each split and class are.
        splits: names of the splits to read.
        progress: called with the number of files that were read, and of all files.
        bad_records: collects the images that cannot be read.

    Returns:
        Split name to faces.

    Raises:
        DataError: an annotation cannot be read, or too many of the images.
    """
    todo = {split: layout.files(split) for split in splits}
    done, total = 0, sum(len(files) for files in todo.values())
    found = {}
    with ThreadPoolExecutor(min(usable_cores(), MAX_THREADS)) as threads:
        for split, files in todo.items():
            images = FaceStore()
            class_ids: list[int] = []
            rows: list[int] = []
            names: list[str] = []
            for start in range(0, len(files), _CHUNK):
                chunk = files[start : start + _CHUNK]
                faces = threads.map(_read_face, [file for file, _ in chunk])
                for row, ((file, class_id), face) in enumerate(zip(chunk, faces, strict=True), start):
                    if isinstance(face, DataError):
                        bad_records.add(str(face))
                        continue
                    images.append(face)
                    class_ids.append(class_id)
                    rows.append(row)
                    names.append(file.relative_to(layout.path).as_posix())
                done += len(chunk)
                if progress:
                    progress(done, total)
            found[split] = Faces(
                images.array(),
                np.array(class_ids, np.int64),
                np.array(rows, np.int64),
                layout.labels,
                files=np.array(names, np.str_),
            )
    bad_records.check(total)
    return found


def _read_face(file: Path) -> npt.NDArray[np.uint8] | DataError:
    """The face in a file, `(48, 48)` gray, or why it cannot be read."""
    try:
        face: npt.NDArray[np.uint8] = preprocess(read_image(file, cv2.IMREAD_GRAYSCALE))[0, :, :, 0]
    except DataError as error:
        return error
    return face
