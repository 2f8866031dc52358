"""How pixels become the values that a network was trained on."""

import numpy as np
import pytest

from edge.errors import WrongUseError
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping, batch_size_for, parse_channel_values

RAMP = np.arange(48 * 48, dtype=np.uint8).reshape(1, 48, 48)
IMAGENET = PixelMapping.of(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_values_of_a_range():
    assert AS_PIXELS.values(RAMP, (48, 48, 1)).ravel().tolist() == RAMP.ravel().tolist()
    halves = PixelMapping.of((-1, 1)).values(RAMP, (48, 48, 1))
    assert halves == pytest.approx(RAMP[..., None] / 127.5 - 1, abs=1e-6)


def test_mean_and_deviation_by_channel_are_those_of_torchvision():
    found = IMAGENET.values(RAMP, (48, 48, 3))
    expected = (RAMP[..., None] / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert found == pytest.approx(expected, abs=1e-5)
    # Keras' "caffe" mode has the range of pixels.
    caffe = PixelMapping.of((0, 255), (103.939, 116.779, 123.68), None)
    assert caffe.values(RAMP, (48, 48, 3)) == pytest.approx(
        RAMP[..., None] - np.array([103.939, 116.779, 123.68]), abs=1e-4
    )


def test_faces_are_resized_and_repeated_for_each_channel():
    found = AS_PIXELS.values(RAMP, (96, 96, 3))
    assert found.shape == (1, 96, 96, 3)
    assert (found[..., 0] == found[..., 2]).all()


def test_no_option_is_no_mapping():
    assert PixelMapping.of() is None
    assert PixelMapping.of((0, 255)).is_identity
    assert not IMAGENET.is_identity


def test_its_text_is_the_options_that_ask_for_it():
    assert str(PixelMapping.of((-1, 1))) == "--input-range -1 1"
    assert str(IMAGENET) == "--input-range 0 1 --input-mean 0.485,0.456,0.406 --input-std 0.229,0.224,0.225"


@pytest.mark.parametrize("wrong", [(1, 0), (0, 0), (0, float("nan")), (0, float("inf"))])
def test_a_range_that_is_none(wrong):
    with pytest.raises(WrongUseError, match="expected the value of black, then a greater one"):
        PixelMapping.of(wrong)


def test_a_mean_for_other_channels():
    with pytest.raises(WrongUseError, match=r"--input-mean has 3 values, the network takes 1 channel: expected 1$"):
        IMAGENET.coefficients(1)
    with pytest.raises(WrongUseError, match=r"--input-std is 0\.0: expected positive numbers"):
        PixelMapping.of(None, None, (0.0,))
    with pytest.raises(WrongUseError, match=r"'0\.1,x' is not a list of numbers"):
        parse_channel_values("0.1,x")


def test_large_inputs_come_in_small_batches():
    assert batch_size_for((48, 48, 1), 256) == 256
    assert batch_size_for((224, 224, 3), 256) == 8
    assert batch_size_for((20, 20, 1), 256) == 256
