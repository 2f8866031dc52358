import cv2
import numpy as np
import pytest

from edge.images import Downscaler, Letterbox, downscale, fit_within


def smooth(shape):
    """A picture that every method of resizing shows alike: coarse noise, enlarged."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, *shape[2:])).astype(np.uint8)
    return cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("shape", [(480, 640, 3), (480, 640), (719, 1281, 3), (300, 200, 3), (1, 640, 3), (90, 70)])
@pytest.mark.parametrize("size_wh", [(192, 144), (48, 48), (100, 200)])
def test_downscaling_gives_what_area_averaging_gives(shape, size_wh):
    image = smooth(shape)
    out = downscale(image, size_wh)
    assert out.shape == (size_wh[1], size_wh[0], *shape[2:])
    expected = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(out - expected).mean() < 6


def test_fine_detail_is_averaged_not_skipped():
    """Every other column white: what is four times smaller must be gray, not striped."""
    image = np.zeros((400, 400), np.uint8)
    image[:, ::2] = 255
    assert set(downscale(image, (100, 100)).ravel().tolist()) <= {127, 128}
    assert set(downscale(image, (90, 90)).ravel().tolist()) <= {127, 128}


def test_an_image_of_the_right_size_is_returned_as_it_is():
    image = smooth((48, 48))
    assert downscale(image, (48, 48)) is image


def test_buffers_are_reused_until_the_size_changes():
    downscaler = Downscaler((40, 30))
    first, second = smooth((240, 320, 3)), smooth((240, 320, 3))[::-1].copy()
    out = downscaler(first)
    assert downscaler(second) is out
    assert (out == downscale(second, (40, 30))).all()
    gray = smooth((500, 100))
    assert (downscaler(gray) == downscale(gray, (40, 30))).all()
    assert (downscaler(first) == downscale(first, (40, 30))).all()


def test_fit_within():
    assert fit_within((640, 480), (192, 192)) == (192, 144)
    assert fit_within((480, 640), (192, 192)) == (144, 192)
    assert fit_within((1, 640), (192, 192)) == (1, 192)
    assert fit_within((96, 48), (192, 192)) == (192, 96)


def test_letterbox_is_rgb_in_the_center_of_black_whatever_was_drawn_before():
    letterbox = Letterbox((192, 192))
    blue = np.full((480, 640, 3), (255, 0, 0), np.uint8)
    scale, left, top = letterbox.draw(blue)
    assert (scale, left, top) == (0.3, 0, 24)
    canvas = letterbox.canvas
    assert (canvas[24:168] == (0, 0, 255)).all()
    assert not canvas[:24].any()
    assert not canvas[168:].any()
    # A tall gray one after it: what the wide one left beside it is gone.
    assert letterbox.draw(np.full((640, 480), 77, np.uint8)) == (0.3, 24, 0)
    assert (canvas[:, 24:168] == 77).all()
    assert not canvas[:, :24].any()
    assert not canvas[:, 168:].any()
    # The same size in color.
    letterbox.draw(np.full((640, 480, 3), (1, 2, 3), np.uint8))
    assert (canvas[:, 24:168] == (3, 2, 1)).all()
