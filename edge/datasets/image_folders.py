"""Reads the images of a folder of faces, of any size, grayscale or color."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.datasets.bad_records import BadRecords
from edge.datasets.faces import Faces, Progress
from edge.datasets.folder_layout import FolderLayout
from edge.datasets.image_store import FaceStore
from edge.errors import DataError
from edge.images import read_image
from edge.inference.contract import preprocess


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
    for split, files in todo.items():
        images = FaceStore()
        class_ids: list[int] = []
        rows: list[int] = []
        names: list[str] = []
        for row, (file, class_id) in enumerate(files):
            done += 1
            if progress and (done % 500 == 0 or done == total):
                progress(done, total)
            try:
                image_gray = read_image(file, cv2.IMREAD_GRAYSCALE)
            except DataError as error:
                bad_records.add(str(error))
                continue
            images.append(preprocess(image_gray)[0, :, :, 0])
            class_ids.append(class_id)
            rows.append(row)
            names.append(file.relative_to(layout.path).as_posix())
        found[split] = Faces(
            images.array(),
            np.array(class_ids, np.int64),
            np.array(rows, np.int64),
            layout.labels,
            files=np.array(names, np.str_),
        )
    bad_records.check(total)
    return found
