"""A crop at run time frames a face as FER-2013 does: measured on Training faces, for each detector.

`pytest tests/edge/detection/test_framing.py -s` prints the medians that CROP_MARGIN and `box_scale` come from.
"""

import bz2

import cv2
import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from edge.detection import open_detector
from edge.inference.contract import CROP_MARGIN
from edge.types import Frame

N = 600
#: Each face is enlarged to this and set into a larger picture, so that the detector has room around it.
SIDE, PICTURE = 96, 240


@pytest.fixture(scope="module")
def faces(fer2013_as_distributed, tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "few.csv"
    # The first rows alone: to decompress the whole takes 40 s.
    whole = fer2013_as_distributed
    with bz2.open(whole, "rt") if whole.suffix == ".bz2" else whole.open() as stream:
        path.write_text("".join(line for _, line in zip(range(N + 1), stream, strict=False)))
    return load_dataset(path, ("Training",))["Training"].images


@pytest.mark.long
@pytest.mark.parametrize("name", ["blazeface", "blazeface-short", "haar", "yunet"])
def test_crops_are_framed_like_the_data_set(name, faces, weights, request):
    spec = f"yunet:{request.getfixturevalue('yunet_onnx')}" if name == "yunet" else name
    detector = open_detector(spec)
    border = (PICTURE - SIDE) // 2
    sides = []
    for face in faces:
        enlarged = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        picture = cv2.copyMakeBorder(enlarged, border, border, border, border, cv2.BORDER_REPLICATE)
        found = detector.detect(Frame(picture, 0, 0.0, 0.0, 0.0))
        if found:
            sides.append(max(found[0].box[2:]) / SIDE)
    assert len(sides) > N / 2
    print(f"{name}: box is {np.median(sides):.3f} of FER-2013's frame, {len(sides)} of {N} faces found")
    crop = np.median(sides) * (1 + CROP_MARGIN) / detector.box_scale
    assert crop == pytest.approx(1, abs=0.03)
