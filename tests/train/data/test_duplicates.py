import numpy as np

from edge.datasets.reader import Faces, load_dataset
from edge.inference.contract import FER2013_LABELS
from tests.made_data import draw_face
from train.data.duplicates import blank_positions, duplicate_groups, exact_pairs, near_pairs


def faces_of(images, class_ids=None):
    images = np.array(images, np.uint8)
    ids = np.zeros(len(images), np.int64) if class_ids is None else np.array(class_ids, np.int64)
    return Faces(images, ids, np.arange(len(images), dtype=np.int64), FER2013_LABELS)


def textures(n, seed):
    """Faces that are unlike each other: drawn ones share their outline."""
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, 256, (n, 12, 12)), np.ones((4, 4))).astype(np.uint8)


def test_equal_faces_are_found_across_splits_with_their_labels():
    training, public = textures(9, 1), textures(5, 2)
    public[3] = training[7]
    training[2] = training[7]
    found = exact_pairs(faces_of(training, [0] * 9), faces_of(public, [0, 0, 0, 4, 0]))
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(2, 3), (7, 3)]
    assert found.counts() == {"pairs": 2, "first_faces": 2, "second_faces": 1, "labels_disagree": 2}
    assert not len(near_pairs(faces_of(training), faces_of(public)))


def test_a_lighter_a_watermarked_and_a_mirrored_face_are_near():
    training, public = textures(9, 1), textures(4, 2)
    public[0] = training[4] // 2 + 90
    public[1] = training[5]
    public[1, 30:32, 10:24] = 255
    public[2] = training[6][:, ::-1]
    found = near_pairs(faces_of(training), faces_of(public))
    pairs = {(int(a), int(b)): bool(m) for a, b, m in zip(found.first, found.second, found.mirrored, strict=True)}
    assert pairs == {(4, 0): False, (5, 1): False, (6, 2): True}
    assert not len(exact_pairs(faces_of(training), faces_of(public)))
    assert found.correlation.tolist() == sorted(found.correlation.tolist(), reverse=True)


def test_blank_faces_match_nothing():
    training = np.concatenate([textures(3, 1), np.full((2, 48, 48), 0), np.full((1, 48, 48), 255)])
    public = np.concatenate([textures(2, 2), np.full((1, 48, 48), 0)])
    a, b = faces_of(training), faces_of(public)
    assert not len(near_pairs(a, b))
    assert not len(exact_pairs(a, b))
    assert duplicate_groups(a) == []
    assert blank_positions(a) == [3, 4, 5]


def test_a_faint_noise_on_nothing_is_blank_too():
    noise = np.kron(np.random.default_rng(0).integers(0, 2, (1, 12, 12)), np.ones((4, 4)))
    a, b = faces_of(20 + noise), faces_of(200 + noise)
    assert blank_positions(a) == [0]
    assert not len(near_pairs(a, b))


def test_copies_within_a_split():
    images = textures(6, 1)
    images[4] = images[5] = images[1]
    assert duplicate_groups(faces_of(images)) == [[1, 4, 5]]


def test_blocks_do_not_change_what_is_found(monkeypatch):
    training, public = textures(30, 1), textures(20, 2)
    public[17], public[3] = training[29] // 2, training[2] // 2
    whole = near_pairs(faces_of(training), faces_of(public))
    monkeypatch.setattr("train.data.duplicates._BLOCK", 7)
    parts = near_pairs(faces_of(training), faces_of(public))
    as_set = [{*zip(one.first.tolist(), one.second.tolist(), strict=True)} for one in (whole, parts)]
    assert as_set[0] == as_set[1] == {(29, 17), (2, 3)}


def test_drawn_faces_are_no_copies():
    random = np.random.default_rng(0)
    assert duplicate_groups(faces_of([draw_face("happy", random) for _ in range(20)])) == []


def test_fer2013_shares_340_training_faces_with_public_test(fer2013):
    splits = load_dataset(fer2013, ("Training", "PublicTest"))
    found = exact_pairs(splits["Training"], splits["PublicTest"]).counts()
    # The whole FER-2013 has more Training faces than a part of it; both share at least these.
    assert found["first_faces"] >= 340
    assert found["second_faces"] >= 279
    assert near_pairs(splits["Training"], splits["PublicTest"]).counts()["second_faces"] < 600
