import numpy as np

from edge.capture.freeze_detector import FreezeDetector


def test_noise_of_one_gray_level_is_a_new_picture():
    noise = np.random.default_rng(0)
    freeze = FreezeDetector()
    for second in range(100):
        image = np.clip(noise.normal(30, 1, (48, 64)), 0, 255).astype(np.uint8)
        assert freeze.unchanged_s(image, float(second)) == 0


def test_the_time_is_counted_from_the_first_of_equal_pictures():
    freeze = FreezeDetector()
    image = np.zeros((48, 64, 3), np.uint8)
    assert [freeze.unchanged_s(image.copy(), t) for t in (5.0, 6.0, 65.5)] == [0, 1, 60.5]
    image[8, 3, 1] = 1
    assert freeze.unchanged_s(image, 66.0) == 0


def test_another_size_is_a_new_picture_and_a_reset_discards_the_time():
    freeze = FreezeDetector()
    freeze.unchanged_s(np.zeros((48, 64), np.uint8), 0.0)
    assert freeze.unchanged_s(np.zeros((24, 64), np.uint8), 9.0) == 0
    freeze.reset()
    assert freeze.unchanged_s(np.zeros((24, 64), np.uint8), 99.0) == 0


def test_a_picture_that_is_changed_in_place_afterwards_is_not_compared_with_itself():
    freeze = FreezeDetector()
    image = np.zeros((48, 64), np.uint8)
    freeze.unchanged_s(image, 0.0)
    image[:] = 7
    assert freeze.unchanged_s(image, 1.0) == 0
