import cv2
import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from edge.inference.contract import FER2013_LABELS
from tests.made_data import draw_face
from train.data.augmentation import augment_faces
from train.data.batches import Batches
from train.recipes.schema import Augment

NOTHING = Augment(True, flip=False, rotation_deg=0, zoom=0, shift=0)


def faces_of(n):
    random = np.random.default_rng(0)
    return np.stack([draw_face(FER2013_LABELS[i % 7], random) for i in range(n)])


def changed(faces, augment, seed=0):
    return augment_faces(faces, augment, np.random.default_rng(seed))


def test_nothing_wanted_changes_nothing():
    faces = faces_of(4)
    assert np.array_equal(changed(faces, NOTHING), faces)


def test_everything_wanted_stays_in_range_and_depends_on_the_random_state_alone():
    faces = faces_of(16)
    augment = Augment(
        True,
        brightness=0.3,
        contrast=0.3,
        blur=1,
        noise=0.05,
        erasing=0.5,
        occlusion=0.5,
        glare=0.5,
        compression=0.5,
    )
    once = changed(faces, augment)
    assert once.shape == faces.shape
    assert once.dtype == np.float32
    assert once.min() >= 0
    assert once.max() <= 255
    assert np.array_equal(once, changed(faces, augment))
    assert not np.array_equal(once, changed(faces, augment, seed=1))


def test_a_flip_is_exact_and_happens_half_of_the_time():
    faces = faces_of(400)
    flipped = changed(faces, Augment(True, rotation_deg=0, zoom=0, shift=0))
    same = (flipped == faces).all(axis=(1, 2))
    mirrored = (flipped == faces[:, :, ::-1]).all(axis=(1, 2))
    assert (same | mirrored).all()
    assert mirrored.mean() == pytest.approx(0.5, abs=0.1)


def test_a_shift_moves_no_further_than_the_recipe_allows():
    face = np.zeros((1, 48, 48), np.uint8)
    face[0, 24, 24] = 255
    moved = changed(np.repeat(face, 300, axis=0), Augment(True, flip=False, rotation_deg=0, zoom=0, shift=0.1))
    rows, columns = np.nonzero(moved.max(axis=0) > 1)
    assert 24 - 5 <= rows.min() < 22
    assert 26 < columns.max() <= 24 + 5


def test_blur_smooths_by_up_to_the_limit_of_the_recipe():
    faces = np.repeat(faces_of(1), 60, axis=0)
    blurred = changed(faces, Augment(True, False, 0, 0, 0, blur=1.5))
    rough = np.abs(np.diff(blurred, axis=2)).mean(axis=(1, 2))
    sharp = np.abs(np.diff(faces[0].astype(float), axis=1)).mean()
    assert rough.max() == pytest.approx(sharp)
    assert rough.min() < 0.5 * sharp
    strongest = cv2.GaussianBlur(faces[0].astype(np.float32), (0, 0), 1.5)
    assert rough.min() > 0.95 * np.abs(np.diff(strongest, axis=1)).mean()


def test_noise_is_of_every_strength_up_to_the_limit_of_the_recipe():
    noisy = changed(np.full((300, 48, 48), 128, np.uint8), Augment(True, False, 0, 0, 0, noise=0.1))
    deviations = noisy.std(axis=(1, 2))
    assert deviations.min() < 1.5
    assert 24 < deviations.max() < 27
    assert np.abs(noisy.mean(axis=(1, 2)) - 128).max() < 3


def test_erasing_paints_the_share_of_the_recipe():
    painted = changed(np.zeros((800, 48, 48), np.uint8), Augment(True, False, 0, 0, 0, erasing=0.25))
    assert (painted.max(axis=(1, 2)) > 0).mean() == pytest.approx(0.25, abs=0.05)
    assert (painted > 0).mean(axis=(1, 2)).max() < 0.36


def test_compression_takes_the_share_of_the_recipe_and_shows_the_blocks_of_jpeg():
    random = np.random.default_rng(0)
    noisy = np.repeat(random.integers(0, 256, (1, 48, 48), np.uint8), 400, axis=0)
    compressed = changed(noisy, Augment(True, False, 0, 0, 0, compression=0.3))
    errors = np.abs(compressed - noisy).mean(axis=(1, 2))
    assert (errors > 0).mean() == pytest.approx(0.3, abs=0.07)
    low, high = (
        cv2.imdecode(cv2.imencode(".jpg", noisy[0], [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
        for quality in (15, 90)
    )
    found = errors[errors > 0]
    assert np.abs(high.astype(float) - noisy[0]).mean() <= found.min() < 0.5 * found.max()
    assert found.max() <= np.abs(low.astype(float) - noisy[0]).mean()


def test_glare_takes_the_share_of_the_recipe_and_brightens_only():
    gray = np.full((400, 48, 48), 120, np.uint8)
    lit = changed(gray, Augment(True, False, 0, 0, 0, glare=0.3))
    added = (lit - 120).max(axis=(1, 2))
    assert (added > 5).mean() == pytest.approx(0.3, abs=0.07)
    assert lit.min() >= 120
    # Some lights are brighter than white, and some shine on one side only.
    assert lit.max() == 255
    assert ((added > 50) & ((lit - 120).min(axis=(1, 2)) < 2)).any()


def test_occlusion_covers_the_eyes_or_the_mouth_of_the_share_of_the_recipe():
    gray = np.full((600, 48, 48), 128, np.uint8)
    original = gray.copy()
    covered = changed(gray, Augment(True, False, 0, 0, 0, occlusion=0.4))
    np.testing.assert_array_equal(gray, original)
    differs = covered != 128
    eyes, mouth = (differs[:, row, columns].all(axis=1) for row, columns in ((18, [15, 33]), (37, [20, 28])))
    assert (eyes | mouth).mean() == pytest.approx(0.4, abs=0.07)
    assert eyes.sum() == pytest.approx(mouth.sum(), rel=0.35)
    assert not (eyes & mouth).any()
    assert not differs[~(eyes | mouth)].any()
    # Sunglasses are dark, and leave more than half of the face; a mask leaves the eyes and the forehead.
    assert covered[eyes][:, 18, 15].max() <= 70
    assert differs[eyes].mean(axis=(1, 2)).max() < 0.35
    assert not differs[mouth][:, :20].any()


def test_batches_draw_anew_each_epoch_and_the_same_after_a_resume(made_csv):
    faces = load_dataset(made_csv, ("Training",))["Training"]
    whole, resumed = (Batches(faces, 32, 5, Augment(True, brightness=0.1)) for _ in range(2))
    whole.shuffle(0)
    first = whole[1][0]
    whole.shuffle(1)
    resumed.shuffle(1)
    assert np.array_equal(whole[1][0], resumed[1][0])
    assert not np.array_equal(whole[1][0], first)


def test_gamma_keeps_black_and_white_and_moves_the_middle_both_ways_up_to_the_limit_of_the_recipe():
    ramp = np.broadcast_to(np.linspace(0, 255, 48).astype(np.uint8), (300, 48, 48))
    bent = changed(ramp, Augment(True, False, 0, 0, 0, gamma=1.0))
    assert np.abs(bent[:, :, 0]).max() < 1e-3
    assert bent[:, :, -1].min() == pytest.approx(255)
    shares = bent[:, 0, 24] / 255
    middle = ramp[0, 0, 24] / 255
    assert shares.min() == pytest.approx(middle**2, abs=0.02)
    assert shares.max() == pytest.approx(middle**0.5, abs=0.02)
    assert (np.diff(bent, axis=2) >= 0).all()


def test_equalizing_takes_the_share_of_the_recipe_and_gives_each_of_them_the_full_range():
    pale = (100 + faces_of(400) / 8).astype(np.uint8)
    light = changed(pale, Augment(True, False, 0, 0, 0, equalize=0.25))
    spread = np.ptp(light, axis=(1, 2))
    assert (spread > 200).mean() == pytest.approx(0.25, abs=0.07)
    assert np.array_equal(light[spread < 200], pale[spread < 200])
    assert np.array_equal(light[spread > 200][0], cv2.equalizeHist(pale[spread > 200][0]))


def test_low_resolution_takes_the_share_of_the_recipe_and_removes_what_twenty_pixels_cannot_show():
    stripes = np.zeros((400, 48, 48), np.uint8)
    stripes[:, :, ::2] = 255
    reduced = changed(stripes, Augment(True, False, 0, 0, 0, low_resolution=0.3))
    contrast = reduced.std(axis=(1, 2))
    assert (contrast < 127).mean() == pytest.approx(0.3, abs=0.07)
    assert contrast.min() < 40
    assert reduced.mean(axis=(1, 2)) == pytest.approx(127.5, abs=8)
