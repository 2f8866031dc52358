"""The crop in C gives the pixels of the crop in Python."""

import ctypes

import numpy as np
import pytest

from convert.micro.model_source import crop_ratio, largest_box, model_source
from edge.detection.alignment import crop_face
from edge.inference.contract import CROP_MARGIN
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.inference.shipped_models import find_model
from tests.convert.micro.compiling import compile_library, copied_source

CROPS = 1000


class Box(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("x", "y", "width", "height")]


@pytest.fixture(scope="module")
def crop(tmp_path_factory):
    """`crop(picture, box)`: `(48, 48)` uint8, or the status if it is not 0."""
    path = find_model("mien-nano-int8")
    model = read_model(path)
    source = model_source(Graph(model.graph, path.name), model.graph, model.card, 0)
    folder = copied_source(tmp_path_factory.mktemp("crop") / "src", mien_model_h=source.header)
    library = compile_library(folder, ["mien_crop.c"])
    library.mien_crop.argtypes = [ctypes.c_void_p, *[ctypes.c_int] * 3, Box, ctypes.c_void_p]

    def call(picture, box):
        face = np.zeros((48, 48), np.uint8)
        height, width = picture.shape
        status = library.mien_crop(picture.ctypes.data, width, height, picture.strides[0], Box(*box), face.ctypes.data)
        return status or face

    return call


def test_a_thousand_crops_are_bit_exact(crop):
    """Of any size, also smaller than a face and larger than the picture, and beyond each of its edges."""
    random = np.random.default_rng(0)
    for _ in range(CROPS):
        height, width = (int(n) for n in random.integers(1, 600, 2))
        # A view of a wider picture, whose rows are not adjacent.
        picture = random.integers(0, 256, (height, width + int(random.integers(0, 9)))).astype(np.uint8)[:, :width]
        w, h = (int(n) for n in random.integers(1, random.choice([20, 60, 300, 900]), 2))
        x, y = int(random.integers(-100, width + 50)), int(random.integers(-100, height + 50))
        np.testing.assert_array_equal(crop(picture, (x, y, w, h)), crop_face(picture, (x, y, w, h), CROP_MARGIN, 48))


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (0, 0, 5, -1), (0, 0, 1 << 20, 5)])
def test_a_box_that_is_none_is_wrong_use(crop, box):
    assert crop(np.zeros((50, 60), np.uint8), box) == 4


def test_the_ratio_is_exact_and_its_limit_is_known():
    assert crop_ratio(0.17) == (117, 100)
    assert crop_ratio(0.0) == (1, 1)
    # At 1,750 the product of floats lies below the half that the exact one is.
    assert largest_box(0.17) == 1749
    assert round(1750 * 1.17) != (1750 * 117 + 50) // 100
