import json
import shutil

import cv2
import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from edge.errors import DataError
from tests.made_data import write_csv, write_folder
from train.data.exploration import explore, mean_faces, write_exploration


def shared_csv(path):
    """Made data of which the second Training face is the first of PublicTest, under another label."""
    lines = write_csv(path, 21, 14).read_text().splitlines()
    lines[1 + 21] = lines[2].replace("Training", "PublicTest")
    lines[1 + 21] = f"5,{lines[1 + 21].partition(',')[2]}"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_explore_counts_draws_and_names_the_shared_faces(mien, tmp_path):
    done = mien("explore", "--data", shared_csv(tmp_path / "d.csv"), "--out", tmp_path / "out", module="train")
    assert done.code == 0, done.err
    assert done.err == ""
    assert "Training and PublicTest: 1 faces of the first are in the second pixel for pixel" in done.out
    assert "labels differ in 1 of these 1 pairs" in done.out
    assert f"{tmp_path / 'out' / 'classes.png'}" in done.out
    names = ["classes.png", "duplicates.png", "explore.json", "means.png", "samples.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        if name.endswith(".png"):
            assert min(cv2.imread(str(tmp_path / "out" / name)).shape[:2]) > 200
    table = json.loads((tmp_path / "out" / "explore.json").read_text())
    assert table["images"]["Training"]["happy"] == 3
    assert "PrivateTest" not in table["images"]
    assert table["across"][0]["exact"]["rows"] == [[1, 21]]


def test_a_folder_of_two_splits_is_read_as_it_is(tmp_path):
    folder = write_folder(tmp_path / "faces", 2)
    assert {split: len(faces) for split, faces in load_dataset(folder, None).items()} == {
        "Training": 14,
        "PublicTest": 14,
    }
    (tmp_path / "bad.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="emotion,pixels,Usage"):
        load_dataset(tmp_path / "bad.csv")


def test_the_mean_of_two_faces(made_csv):
    faces = load_dataset(made_csv, ("Training",))["Training"]
    two = faces.take(np.flatnonzero(faces.class_ids == 3)[:2])
    means = mean_faces({"Training": two})
    assert np.abs(means[3] - two.images.mean(axis=0)).max() <= 0.5
    assert [mean is None for mean in means] == [True, True, True, False, True, True, True]


def test_samples_depend_on_the_seed_alone(made_csv, tmp_path):
    splits = load_dataset(made_csv, ("Training",))
    # One face a class is no sample to be drawn.
    found = explore(splits)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_exploration(found, tmp_path / name, "made", seed)
    sheets = [(tmp_path / name / "samples.png").read_bytes() for name in "abc"]
    assert sheets[0] == sheets[1] != sheets[2]


def test_files_of_an_earlier_exploration_are_removed(made_csv, tmp_path):
    (tmp_path / "duplicates.png").write_bytes(b"old")
    found = explore({"Training": load_dataset(made_csv, ("Training",))["Training"].sample(14, 0)})
    assert "duplicates.png" not in [name for name, _ in write_exploration(found, tmp_path, "made")]
    assert not (tmp_path / "duplicates.png").exists()


def test_faces_of_a_folder_are_named_by_their_files(tmp_path):
    folder = write_folder(tmp_path / "faces", 2)
    shutil.copy(folder / "train" / "happy" / "0.png", folder / "test" / "happy" / "copy.png")
    found = explore(load_dataset(folder, None)).as_dict()
    assert ["train/happy/0.png", "test/happy/copy.png"] in found["across"][0]["exact"]["rows"]
