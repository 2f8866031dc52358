import numpy as np
import pytest

from edge.errors import DataError
from edge.inference.contract import (
    EIGHT_LABELS,
    FER2013_LABELS,
    canonical_label,
    dequantize,
    preprocess,
    quantize,
)


def test_the_label_order_is_fer2013s():
    assert FER2013_LABELS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert EIGHT_LABELS[7:] == ("contempt",)


@pytest.mark.parametrize(("foreign", "ours"), [("Happiness", "happy"), (" sadness ", "sad"), ("CONTEMPT", "contempt")])
def test_foreign_class_names_are_mapped_by_name(foreign, ours):
    assert canonical_label(foreign) == ours


def test_an_unknown_name_is_rejected():
    with pytest.raises(DataError, match="unknown expression 'bored'"):
        canonical_label("bored")


@pytest.mark.parametrize("shape", [(1, 1), (48, 48), (47, 300), (3000, 4000)])
def test_preprocess_returns_the_models_input_for_any_size(shape):
    out = preprocess(np.full(shape, 200, np.uint8))
    assert out.shape == (1, 48, 48, 1)
    assert out.dtype == np.uint8
    assert (out == 200).all()


def test_preprocess_does_not_change_a_face_of_the_right_size():
    face = np.arange(48 * 48, dtype=np.uint64).reshape(48, 48).astype(np.uint8)
    assert (preprocess(face)[0, :, :, 0] == face).all()


def test_quantize_rounds_then_clips():
    values = np.array([-2.0, -0.51, 0.49, 0.5, 1.5, 300.0])
    assert quantize(values, 1.0, 0, np.uint8).tolist() == [0, 0, 0, 0, 2, 255]
    # A cast without rounding would give 0 here, a cast without clipping would wrap.
    assert quantize(np.array([0.999]), 1 / 256, -128, np.int8).tolist() == [127]


def test_quantize_inverts_dequantize():
    codes = np.arange(-128, 128, dtype=np.int8)
    assert (quantize(dequantize(codes, 1 / 256, -128), 1 / 256, -128, np.int8) == codes).all()
