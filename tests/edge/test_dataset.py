import bz2
import gzip
import lzma
import zipfile

import cv2
import numpy as np
import pytest

from edge.contract import FER2013_LABELS
from edge.dataset import read_faces
from edge.errors import DataError
from tests.made_data import write_csv, write_folder


@pytest.fixture
def plain(tmp_path):
    return write_csv(tmp_path / "fer2013.csv", 14, 7)


def compress(path, kind):
    data = path.read_bytes()
    target = path.with_name(f"fer2013.csv.{kind}")
    if kind == "zip":
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("fer2013/fer2013.csv", data)
            archive.writestr("fer2013/README", "x")
    else:
        target.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[kind].compress(data))
    return target


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_any_compression_reads_the_same(plain, kind):
    expected, got = read_faces(plain, ("Training", "PublicTest")), read_faces(compress(plain, kind), ("PublicTest",))
    assert list(got) == ["PublicTest"]
    assert (got["PublicTest"].images == expected["PublicTest"].images).all()
    assert expected["Training"].class_ids.tolist() == [0, 1, 2, 3, 4, 5, 6] * 2
    assert expected["PublicTest"].rows.tolist() == list(range(14, 21))


def test_pixels_are_rows_of_the_picture(tmp_path):
    pixels = " ".join(str(i % 251) for i in range(2304))
    (tmp_path / "f.csv").write_text(f'emotion,pixels,Usage\r\n3,"{pixels}",Training\r\n')
    faces = read_faces(tmp_path / "f.csv", ("Training",))["Training"]
    assert faces.images[0, 1, 0] == 48
    assert faces.labels[faces.class_ids[0]] == "happy"


GOOD = " ".join(["7"] * 2304)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected the header"),
        ("label,image\n", "expected the header"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-2]},Training\n", "line 2: 2303 pixels: expected 2304"),
        (f"emotion,pixels,Usage\n0,{GOOD} 7,Training\n", "2305 pixels"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}256,Training\n", r"pixels from 7 to 256: expected 0\.\.255"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}x,Training\n", "no number"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}4294967301,Training\n", r"expected 0\.\.255"),
        (f"emotion,pixels,Usage\n\n\n9,{GOOD},Training\n", "line 4: emotion is '9'"),
        (f"emotion,pixels,Usage\n7,{GOOD},Training\n", r"emotion is '7': expected 0\.\.6"),
        (f"emotion,pixels,Usage\nhappy,{GOOD},Training\n", "emotion is 'happy'"),
        (f"emotion,pixels,Usage\n0,{GOOD},Test\n", "Usage is 'Test'"),
        (f"emotion,pixels,Usage\n0,{GOOD}\n", "Usage is"),
        (f"emotion,pixels,Usage\n0,{GOOD},PublicTest\n", "has no Training faces"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(tmp_path, text, complaint):
    (tmp_path / "fer2013.csv").write_text(text)
    with pytest.raises(DataError, match=complaint):
        read_faces(tmp_path / "fer2013.csv", ("Training",))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_a_flipped_byte_in_an_archive_is_one_line(plain, kind):
    archive = compress(plain, kind)
    whole = archive.read_bytes()
    noticed = 0
    for i in range(10, len(whole), len(whole) // 40):
        archive.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        try:
            read_faces(archive, ("Training",))
        except DataError:
            noticed += 1
    assert noticed > 20


def test_a_cut_archive_and_a_missing_file(plain, tmp_path):
    cut = compress(plain, "bz2")
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot read"):
        read_faces(cut)
    with pytest.raises(DataError, match="no data set at"):
        read_faces(tmp_path / "nothing.csv")
    (tmp_path / "photo.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="expected the header"):
        read_faces(tmp_path / "photo.csv")


def test_a_folder_reads_by_the_names_of_its_folders(tmp_path):
    folder = write_folder(tmp_path / "d", 2)
    (folder / "train" / "happy").rename(folder / "train" / "Happiness")
    faces = read_faces(folder, ("Training", "PublicTest"))
    assert len(faces["Training"]) == len(faces["PublicTest"]) == 14
    assert faces["Training"].labels == FER2013_LABELS
    assert np.bincount(faces["Training"].class_ids).tolist() == [2] * 7


def test_images_of_any_size_and_colour_become_48x48_grey(tmp_path):
    folder = write_folder(tmp_path / "d", 1)
    cv2.imwrite(str(folder / "train" / "sad" / "big.jpg"), np.full((300, 200, 3), 80, np.uint8))
    faces = read_faces(folder, ("Training",))["Training"]
    assert faces.images.shape == (8, 48, 48)


def test_a_folder_with_contempt_has_eight_classes(tmp_path):
    folder = write_folder(tmp_path / "d", 1)
    (folder / "train" / "contempt").mkdir()
    assert len(read_faces(folder, ("Training",))["Training"].labels) == 8


def test_a_test_folder_beside_a_validation_folder_is_the_private_test(tmp_path):
    folder = write_folder(tmp_path / "d", 2)
    write_folder(tmp_path / "e", 1, seed=1)
    (tmp_path / "e" / "test").rename(folder / "val")
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    (folder / "train" / "happy" / "._0.png").write_text("what a file manager leaves")
    faces = read_faces(folder)
    assert {split: len(part) for split, part in faces.items()} == {"Training": 14, "PublicTest": 7, "PrivateTest": 14}
    (folder / "validation").mkdir()
    with pytest.raises(DataError, match="both PublicTest"):
        read_faces(folder)


def test_bad_folders(tmp_path):
    with pytest.raises(DataError, match="no folder named train or test"):
        read_faces(tmp_path)
    (tmp_path / "train" / "happy").mkdir(parents=True)
    with pytest.raises(DataError, match="has no Training faces"):
        read_faces(tmp_path, ("Training",))
    (tmp_path / "train" / "happy" / "x.png").write_text("no image")
    with pytest.raises(DataError, match="is not an image"):
        read_faces(tmp_path, ("Training",))
    (tmp_path / "train" / "bored").mkdir()
    with pytest.raises(DataError, match="unknown expression"):
        read_faces(tmp_path, ("Training",))


def write_votes(path, usages):
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    path.write_text("\n".join([header, *(f"{u},x.png,1,2,3,4,5,6,7,8,0,0" for u in usages)]) + "\n")
    return path


def test_votes_are_put_into_our_order(plain, tmp_path):
    votes = write_votes(tmp_path / "v.csv", ["Training"] * 14 + ["PublicTest"] * 7)
    faces = read_faces(plain, ("PublicTest",), votes=votes)["PublicTest"]
    # angry disgust fear happy sad surprise neutral contempt
    assert faces.votes[0].tolist() == [5, 6, 7, 2, 4, 3, 1, 8]


def test_votes_of_other_rows_are_refused(plain, tmp_path):
    short = write_votes(tmp_path / "short.csv", ["Training"] * 14 + ["PublicTest"] * 6)
    long = write_votes(tmp_path / "long.csv", ["Training"] * 14 + ["PublicTest"] * 8)
    other = write_votes(tmp_path / "other.csv", ["PublicTest"] * 7 + ["Training"] * 14)
    for votes in (short, long, other):
        with pytest.raises(DataError, match=r"does not match|expected as many"):
            read_faces(plain, ("Training",), votes=votes)
    for bad in ("300", "-1", "x", "", "1" * 200_000):
        votes = write_votes(tmp_path / "bad.csv", ["Training"] * 21)
        votes.write_text(votes.read_text().replace("x.png,1,", f"x.png,{bad},", 1))
        with pytest.raises(DataError, match="expected a whole number of votes"):
            read_faces(plain, ("Training",), votes=votes)
    (tmp_path / "head.csv").write_text("Usage,happy\n")
    with pytest.raises(DataError, match="lacks the columns"):
        read_faces(plain, ("Training",), votes=tmp_path / "head.csv")


def test_a_sample_is_seeded_and_in_order(plain):
    faces = read_faces(plain, ("Training",))["Training"]
    a, b = faces.sample(5, 1), faces.sample(5, 1)
    assert a.rows.tolist() == b.rows.tolist() == sorted(a.rows)
    assert len(faces.sample(99, 0)) == 14


def test_the_real_data_is_what_its_readme_says(fer2013, ferplus):
    faces = read_faces(fer2013, ("Training", "PublicTest"), votes=ferplus)
    assert len(faces["Training"]) == 28558
    assert np.bincount(faces["PublicTest"].class_ids).tolist() == [467, 56, 496, 895, 653, 415, 607]
    assert faces["PublicTest"].votes.shape == (3589, 8)
    assert faces["PublicTest"].votes.sum(axis=1).max() <= 10
