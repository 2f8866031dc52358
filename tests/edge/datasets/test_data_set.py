"""Data sets as people have them: numbered folders, AffectNet's annotations, no validation faces."""

import json

import cv2
import numpy as np
import pytest

from edge.datasets import DataSet, load_dataset
from edge.datasets.class_names import NUMBERED, parse_class_names
from edge.errors import DataError, WrongUseError
from tests.commands import invoke_mien
from tests.made_data import draw_face, write_csv, write_folder

AFFECTNET = NUMBERED["affectnet"]


def write_numbered(path, labels, first=0, per_class=3):
    """`train/<number>/*.png` and `test/` alike; each face is as bright as its class is high."""
    for split in ("train", "test"):
        for number, _ in enumerate(labels, first):
            folder = path / split / str(number)
            folder.mkdir(parents=True)
            for i in range(per_class):
                cv2.imwrite(str(folder / f"{i}.png"), np.full((48, 48), 10 * (number - first) + 5, np.uint8))
    return path


def labels_by_brightness(faces):
    """What the reader calls the classes, in the order in which `write_numbered` wrote them."""
    return [
        faces.labels[faces.class_ids[np.flatnonzero(faces.images[:, 0, 0] == 10 * i + 5)[0]]]
        for i in range(len(faces.labels))
    ]


@pytest.mark.parametrize(("known", "first"), [("affectnet", 0), ("fer2013", 0), ("ferplus", 0), ("raf-db", 1)])
def test_numbered_folders_get_the_names_of_a_known_data_set(tmp_path, known, first):
    path = write_numbered(tmp_path / "d", NUMBERED[known], first)
    faces = load_dataset(DataSet(path, parse_class_names(known)), ("Training", "PublicTest"))
    assert labels_by_brightness(faces["Training"]) == list(NUMBERED[known])
    assert labels_by_brightness(faces["PublicTest"]) == list(NUMBERED[known])


def test_own_names_are_spelled_as_mien_spells_expressions(tmp_path):
    path = write_numbered(tmp_path / "d", "abc", 1)
    names = parse_class_names("Happiness, bored ,Anger")
    assert names == ("happy", "bored", "angry")
    faces = load_dataset(DataSet(path, names), ("Training",))["Training"]
    assert faces.labels == ("angry", "happy", "bored")
    assert labels_by_brightness(faces) == ["happy", "bored", "angry"]


def test_folders_with_a_gap_keep_their_numbers(tmp_path):
    path = write_numbered(tmp_path / "d", AFFECTNET)
    for split in ("train", "test"):
        for file in (path / split / "5").iterdir():
            file.unlink()
        (path / split / "5").rmdir()
    faces = load_dataset(DataSet(path, AFFECTNET), ("Training",))["Training"]
    assert "disgust" not in faces.labels
    assert faces.labels[faces.class_ids[faces.images[:, 0, 0] == 65][0]] == "angry"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("happy", "expected names separated by commas, or one of affectnet"),
        ("happy,,sad", "contains ''"),
        ("happy,1", "contains '1'"),
        ("happy,joy", "contains happy twice"),
        ("happy,a\x1bb", "expected names"),
    ],
)
def test_class_names_that_are_none(text, complaint):
    with pytest.raises(WrongUseError, match=complaint):
        parse_class_names(text)


def test_folders_that_do_not_fit_the_names(tmp_path):
    path = write_numbered(tmp_path / "d", AFFECTNET)
    with pytest.raises(DataError, match=r"has the folders 0, 1, 2.*: expected 0 to 6 or 1 to 7 for the 7 names"):
        load_dataset(DataSet(path, NUMBERED["raf-db"]))
    # Without folder 0 and without folder 8, either numbering is possible.
    for split in ("train", "test"):
        for file in (path / split / "0").iterdir():
            file.unlink()
        (path / split / "0").rmdir()
    with pytest.raises(DataError, match=r"has the folders 1, 2.*: expected 0 to 7 or 1 to 8"):
        load_dataset(DataSet(path, AFFECTNET))
    named = write_folder(tmp_path / "named", 1)
    with pytest.raises(DataError, match=r"has the folder 'angry': --class-names is for folders that are numbers"):
        load_dataset(DataSet(named, AFFECTNET))
    with pytest.raises(WrongUseError, match="--class-names is for folders of images"):
        load_dataset(DataSet(write_csv(tmp_path / "fer2013.csv", 7, 7), AFFECTNET))


def write_affectnet(path):
    """The layout of AffectNet's authors, with a face of each of their eleven numbers."""
    for split in ("train_set", "val_set"):
        (path / split / "images").mkdir(parents=True)
        (path / split / "annotations").mkdir()
        for number in range(11):
            cv2.imwrite(
                str(path / split / "images" / f"{100 + number}.jpg"), np.full((224, 224, 3), 10 * number, np.uint8)
            )
            np.save(path / split / "annotations" / f"{100 + number}_exp.npy", np.array(str(number)))
            np.save(path / split / "annotations" / f"{100 + number}_val.npy", np.array("0.5"))
    return path


def test_affectnet_as_its_authors_distribute_it(tmp_path):
    path = write_affectnet(tmp_path / "affectnet")
    faces = load_dataset(path, ("Training", "PublicTest"))
    for part in faces.values():
        by_brightness = np.argsort(part.images[:, 0, 0])
        assert [part.labels[part.class_ids[i]] for i in by_brightness] == list(AFFECTNET)
    assert faces["Training"].origin(0) == "train_set/images/100.jpg"


def test_a_bad_annotation_is_named(tmp_path):
    path = write_affectnet(tmp_path / "affectnet")
    annotation = path / "train_set" / "annotations" / "103_exp.npy"
    for content in (b"", b"3", b"\x93NUMPY", np.array([1, 2]).tobytes()):
        annotation.write_bytes(content)
        with pytest.raises(DataError, match=r"103_exp\.npy is not NumPy.s form of one number: expected the number"):
            load_dataset(path, ("Training",))
    np.save(annotation, np.array({"a": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"103_exp\.npy"):
        load_dataset(path, ("Training",))
    annotation.unlink()
    with pytest.raises(DataError, match=r"cannot read .*103_exp\.npy"):
        load_dataset(path, ("Training",))


def test_validation_faces_are_drawn_from_each_class(tmp_path):
    path = write_folder(tmp_path / "d", 20)
    found = load_dataset(DataSet(path, val_split=0.25))
    assert np.bincount(found["Training"].class_ids).tolist() == [15] * 7
    assert np.bincount(found["PublicTest"].class_ids).tolist() == [5] * 7
    # The faces that were test faces before are held out now.
    assert len(found["PrivateTest"]) == 140
    assert all(str(file).startswith("test/") for file in found["PrivateTest"].files)
    training, validation = set(found["Training"].files), set(found["PublicTest"].files)
    assert not training & validation
    assert len(training | validation) == 140
    alone = load_dataset(DataSet(path, val_split=0.25), ("PublicTest",))
    assert alone["PublicTest"].files.tolist() == found["PublicTest"].files.tolist()


def test_a_folder_of_classes_alone_is_training(tmp_path):
    random = np.random.default_rng(0)
    for label in ("happy", "sad"):
        (tmp_path / "d" / "faces" / label).mkdir(parents=True)
        for i in range(10):
            cv2.imwrite(str(tmp_path / "d" / "faces" / label / f"{i}.png"), draw_face(label, random))
    with pytest.raises(DataError, match=r"or, with --val-split, <label>/\*\.jpg"):
        load_dataset(tmp_path / "d")
    found = load_dataset(DataSet(tmp_path / "d", val_split=0.2), ("Training", "PublicTest"))
    assert (len(found["Training"]), len(found["PublicTest"])) == (16, 4)


def test_faces_of_ones_own_are_not_replaced(tmp_path):
    with pytest.raises(WrongUseError, match=r"has 7 validation faces of its own \(PublicTest\): leave --val-split out"):
        load_dataset(DataSet(write_csv(tmp_path / "fer2013.csv", 14, 7), val_split=0.2))
    alone = write_csv(tmp_path / "alone.csv", 70, 0)
    with pytest.raises(DataError, match=r"has no PublicTest faces: .*; --val-split 0\.1 takes a tenth of Training"):
        load_dataset(alone, ("Training", "PublicTest"))
    assert len(load_dataset(DataSet(alone, val_split=0.1), ("PublicTest",))["PublicTest"]) == 7
    with pytest.raises(DataError, match="has no PublicTest faces"):
        load_dataset(DataSet(alone, val_split=0.01), ("PublicTest",))


def test_the_record_of_a_data_set_states_how_it_was_read(tmp_path):
    path = write_csv(tmp_path / "fer2013.csv", 14, 0)
    assert set(DataSet.of(path).as_dict()) == {"name", "sha256"}
    chosen = DataSet(path, ("happy", "sad"), 0.1)
    assert chosen.as_dict()["class_names"] == ["happy", "sad"]
    assert chosen.as_dict()["val_split"] == 0.1
    assert chosen.as_arguments() == f"--data {path} --class-names happy,sad --val-split 0.1"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--class-names", "happy"), "expected names separated by commas"),
        (("--val-split", "0"), "0.0 is not in the range 0<x<1"),
        (("--val-split", "1"), "1.0 is not in the range 0<x<1"),
    ],
)
def test_options_that_are_wrong(tmp_path, arguments, complaint):
    path = write_folder(tmp_path / "d", 2)
    done = invoke_mien("benchmark", "mien-nano-int8", "--data", path, *arguments)
    assert done.code == 2
    assert complaint in done.err


def test_options_without_data_are_rejected(tmp_path):
    done = invoke_mien("convert", "quantize", "x.keras", "--frames", "c.mp4", "--val-split", "0.1", "--out", "y.tflite")
    assert done.code == 2
    assert "--class-names and --val-split belong to --data" in done.err


def test_a_run_benchmark_and_conversion_read_the_same_faces(tmp_path):
    """A folder of numbered classes without validation faces, through the chain."""
    random = np.random.default_rng(0)
    for number, label in enumerate(AFFECTNET[:4]):
        folder = tmp_path / "faces" / "train" / str(number)
        folder.mkdir(parents=True)
        for i in range(20):
            cv2.imwrite(str(folder / f"{i}.png"), draw_face(label, random))
    described = ("--data", tmp_path / "faces", "--class-names", "neutral,happy,sad,surprise", "--val-split", "0.25")
    run, out = tmp_path / "run", tmp_path / "out.tflite"
    done = invoke_mien("fit", "--arch", "simple-nn", "--epochs", "1", "--out", run, *described, module="train")
    assert done.code == 0, done.err
    assert "60 faces to fit, 20 to validate on" in done.out
    assert "--class-names neutral,happy,sad,surprise --val-split 0.25" in done.out.splitlines()[-1]
    recorded = json.loads((run / "metrics.json").read_text())["data"]
    assert recorded["class_names"] == ["neutral", "happy", "sad", "surprise"]
    assert recorded["val_split"] == 0.25
    gate = ("--min-above-chance", "-100", "--min-agreement", "0", "--max-class-drop", "100", "--max-drop", "100")
    done = invoke_mien("quantize", run, *described, "--samples", "8", *gate, "--out", out, module="convert")
    assert done.code == 0, done.err
    done = invoke_mien("benchmark", out, *described, "--rounds", "1", "--json")
    assert done.code == 0, done.err
    measured = json.loads(done.out)["data"]
    assert (measured["faces"], measured["val_split"]) == (20, 0.25)
    assert measured["labels"] == ["happy", "sad", "surprise", "neutral"]
    done = invoke_mien("fit", "--out", run, "--resume", "--data", tmp_path / "faces", module="train")
    assert done.code == 2
