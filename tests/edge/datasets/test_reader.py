import bz2
import gzip
import lzma
import zipfile

import cv2
import numpy as np
import pytest

from edge.cli.options import read_with_progress
from edge.datasets import bad_records, image_folders
from edge.datasets.reader import load_dataset
from edge.errors import DataError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.system.board import peak_rss_mb
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
    expected, got = (
        load_dataset(plain, ("Training", "PublicTest")),
        load_dataset(compress(plain, kind), ("PublicTest",)),
    )
    assert list(got) == ["PublicTest"]
    assert (got["PublicTest"].images == expected["PublicTest"].images).all()
    assert expected["Training"].class_ids.tolist() == [0, 1, 2, 3, 4, 5, 6] * 2
    assert expected["PublicTest"].rows.tolist() == list(range(14, 21))


def test_pixels_are_rows_of_the_picture(tmp_path):
    pixels = " ".join(str(i % 251) for i in range(2304))
    (tmp_path / "f.csv").write_text(f'emotion,pixels,Usage\r\n3,"{pixels}",Training\r\n')
    faces = load_dataset(tmp_path / "f.csv", ("Training",))["Training"]
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
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}x,Training\n", "not a number"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}4294967301,Training\n", r"expected 0\.\.255"),
        (f"emotion,pixels,Usage\n\n\n9,{GOOD},Training\n", "line 4: emotion is '9'"),
        (f"emotion,pixels,Usage\n7,{GOOD},Training\n", r"emotion is '7': expected 0\.\.6"),
        (f"emotion,pixels,Usage\nhappy,{GOOD},Training\n", "emotion is 'happy'"),
        (f"emotion,pixels,Usage\n0,{GOOD},Test\n", "Usage is 'Test'"),
        (f"emotion,pixels,Usage\n0,{GOOD}\n", "Usage is"),
        (f"emotion,pixels,Usage\n0,{GOOD},PublicTest\n", "has no Training faces"),
    ],
)
def test_a_bad_csv_is_rejected_with_its_line(tmp_path, text, complaint):
    (tmp_path / "fer2013.csv").write_text(text)
    with pytest.raises(DataError, match=complaint):
        load_dataset(tmp_path / "fer2013.csv", ("Training",))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_a_flipped_byte_in_an_archive_is_one_line(plain, kind):
    archive = compress(plain, kind)
    whole = archive.read_bytes()
    noticed = 0
    for i in range(10, len(whole), len(whole) // 40):
        archive.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        try:
            load_dataset(archive, ("Training",))
        except DataError:
            noticed += 1
    assert noticed > 20


def test_a_cut_archive_and_a_missing_file(plain, tmp_path):
    cut = compress(plain, "bz2")
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot read"):
        load_dataset(cut)
    with pytest.raises(DataError, match="no data set at"):
        load_dataset(tmp_path / "nothing.csv")
    (tmp_path / "photo.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="expected the header"):
        load_dataset(tmp_path / "photo.csv")


def test_a_folder_reads_by_the_names_of_its_folders(tmp_path):
    folder = write_folder(tmp_path / "d", 2)
    (folder / "train" / "happy").rename(folder / "train" / "Happiness")
    faces = load_dataset(folder, ("Training", "PublicTest"))
    assert len(faces["Training"]) == len(faces["PublicTest"]) == 14
    assert faces["Training"].labels == FER2013_LABELS
    assert np.bincount(faces["Training"].class_ids).tolist() == [2] * 7


def test_images_of_any_size_and_color_become_48x48_gray(tmp_path):
    folder = write_folder(tmp_path / "d", 1)
    cv2.imwrite(str(folder / "train" / "sad" / "big.jpg"), np.full((300, 200, 3), 80, np.uint8))
    faces = load_dataset(folder, ("Training",))["Training"]
    assert faces.images.shape == (8, 48, 48)


def test_odd_images(tmp_path):
    folder = write_folder(tmp_path / "d", 1)
    random = np.random.default_rng(0)
    gray = cv2.GaussianBlur(random.integers(0, 256, (48, 48), np.uint8), (9, 9), 0)
    bgr = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    odd = {
        "16.png": gray.astype(np.uint16) * 257,
        "16-color.png": bgr.astype(np.uint16) * 257,
        "alpha.png": np.dstack([bgr, np.full((48, 48), 9, np.uint8)]),
        "large.webp": cv2.resize(bgr, (480, 480), interpolation=cv2.INTER_NEAREST),
        "wide.bmp": cv2.resize(bgr, (96, 48), interpolation=cv2.INTER_NEAREST),
        "gray.JPG": gray,
    }
    for label_folder in (folder / "train").iterdir():
        for file in label_folder.iterdir():
            file.unlink()
    for name, image in odd.items():
        suffix = name[name.index(".") :].lower()
        quality = {".webp": [cv2.IMWRITE_WEBP_QUALITY, 101], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 100]}
        written, data = cv2.imencode(suffix, image, quality.get(suffix, []))
        assert written
        (folder / "train" / "sad" / name).write_bytes(data.tobytes())
    faces = load_dataset(folder, ("Training",))["Training"]
    assert faces.images.shape == (len(odd), 48, 48)
    assert np.abs(faces.images.astype(int) - gray).max() <= 3


def test_labels_are_those_of_all_splits(tmp_path):
    def labels(**splits):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for split, names in splits.items():
            for i, name in enumerate(names.split()):
                (root / split / name).mkdir(parents=True)
                cv2.imwrite(str(root / split / name / "0.png"), np.full((48, 48), 10 * i, np.uint8))
        found = load_dataset(root, ("Training", "PublicTest"))
        assert found["Training"].labels == found["PublicTest"].labels
        return found["Training"].labels, *([int(i) for i in part.class_ids] for part in found.values())

    assert labels(train="sad happy", test="sad happy") == (("happy", "sad"), [0, 1], [0, 1])
    assert labels(train="bored happy", test="happy") == (("happy", "bored"), [1, 0], [0])
    assert labels(train="happy", test="Contempt zen happy") == (("happy", "contempt", "zen"), [0], [1, 0, 2])
    assert labels(train="happy Happiness sad joy", test="sad") == (("happy", "sad"), [0, 0, 0, 1], [1])
    assert labels(train=" ".join(FER2013_LABELS), test="sad")[0] == FER2013_LABELS
    assert labels(train=" ".join(sorted(EIGHT_LABELS)), test="sad")[0] == EIGHT_LABELS
    with pytest.raises(DataError, match="has one class, happy: expected at least two"):
        labels(train="happy", test="Happiness")
    with pytest.raises(DataError, match="classes Bored and bored: expected one spelling"):
        labels(train="happy Bored", test="bored happy")


def test_a_folder_with_contempt_has_eight_classes(tmp_path):
    folder = write_folder(tmp_path / "d", 1)
    (folder / "train" / "contempt").mkdir()
    assert load_dataset(folder, ("Training",))["Training"].labels == EIGHT_LABELS


def test_a_test_folder_beside_a_validation_folder_is_the_private_test(tmp_path):
    folder = write_folder(tmp_path / "d", 2)
    write_folder(tmp_path / "e", 1, seed=1)
    (tmp_path / "e" / "test").rename(folder / "val")
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    (folder / "train" / "happy" / "._0.png").write_text("what a file manager leaves")
    faces = load_dataset(folder)
    assert {split: len(part) for split, part in faces.items()} == {"Training": 14, "PublicTest": 7, "PrivateTest": 14}
    (folder / "validation").mkdir()
    with pytest.raises(DataError, match="both PublicTest"):
        load_dataset(folder)


def test_layouts(tmp_path):
    folder = write_folder(tmp_path / "d" / "images" / "faces", 1)
    (folder / "train").rename(folder / "TRAIN")
    (folder / "test").rename(folder / "Test")
    (tmp_path / "d" / "__MACOSX").mkdir()
    (tmp_path / "d" / "README.txt").write_text("beside the folder")
    faces = load_dataset(tmp_path / "d", ("Training", "PublicTest"))
    assert [len(part) for part in faces.values()] == [7, 7]
    (folder / "train").mkdir()
    with pytest.raises(DataError, match="has TRAIN and train, both Training"):
        load_dataset(tmp_path / "d")
    (folder / "train").rmdir()
    (folder / "val").symlink_to(folder / "TRAIN")
    with pytest.raises(DataError, match="has TRAIN and val, which are the same folder"):
        load_dataset(tmp_path / "d")
    with pytest.raises(
        DataError, match=r"no folder named train or test, it has angry, .*\.\.\.: expected train/<label>"
    ):
        load_dataset(folder / "TRAIN")


def test_bad_folders(tmp_path):
    with pytest.raises(DataError, match="no folder named train or test: expected"):
        load_dataset(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="has no classes: expected at least two folders in train/"):
        load_dataset(tmp_path, ("Training",))
    for name in ("happy", "bored"):
        (tmp_path / "train" / name).mkdir()
    with pytest.raises(DataError, match="has no Training faces"):
        load_dataset(tmp_path, ("Training",))
    (tmp_path / "train" / "happy" / "x.png").write_text("no image")
    with pytest.raises(DataError, match=r"1 of 1 images are bad .*x\.png is not an image"):
        load_dataset(tmp_path, ("Training",))


def test_threads_read_color_photographs_in_the_order_of_their_names(tmp_path, monkeypatch):
    folder = tmp_path / "d" / "train"
    for i in range(100):
        file = folder / ("happy", "sad")[i % 2] / f"{i:03}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        # Large ones take longer, and would be overtaken.
        side = 900 if i % 10 == 0 else 50
        cv2.imwrite(str(file), np.full((side, side, 3), (2 * i,) * 3, np.uint8))
    (folder / "happy" / "010.jpg").write_bytes(b"")
    (folder / "sad" / "051.jpg").write_bytes(b"")
    # More threads than cores, and a last chunk that is not full.
    monkeypatch.setattr(image_folders, "usable_cores", lambda: 4)
    monkeypatch.setattr(image_folders, "_CHUNK", 30)
    monkeypatch.setattr(bad_records, "MAX_PERCENT", 10)
    reported, progress = [], []
    faces = load_dataset(
        tmp_path / "d", ("Training",), progress=lambda *counts: progress.append(counts), on_bad=reported.append
    )
    names = [*range(0, 100, 2), *range(1, 100, 2)]
    assert progress == [(30, 100), (60, 100), (90, 100), (100, 100)]
    assert [line.split(" is ")[0][-7:] for line in reported] == ["010.jpg", "051.jpg"]
    good = [name for name in names if name not in (10, 51)]
    assert faces["Training"].images[:, 24, 24].tolist() == [2 * name for name in good]
    assert [int(name[-7:-4]) for name in faces["Training"].files] == good
    assert faces["Training"].rows.tolist() == [names.index(name) for name in good]


def test_a_few_unreadable_images_are_left_out_and_reported(tmp_path):
    folder = write_folder(tmp_path / "d", 20)
    broken = [folder / "train" / "fear" / "7.png", folder / "test" / "sad" / "3.png"]
    broken[0].write_bytes(broken[0].read_bytes()[:40])
    broken[1].write_bytes(b"")
    reported = []
    faces = load_dataset(folder, ("Training", "PublicTest"), on_bad=reported.append)
    assert [len(part) for part in faces.values()] == [139, 139]
    assert [line.split(" is ")[0] for line in reported] == list(map(str, broken))
    # The row is the place among the sorted files, the unreadable ones included: angry, disgust, then fear.
    missing = set(range(140)) - set(faces["Training"].rows.tolist())
    assert missing == {40 + sorted(map(str, range(20))).index("7")}
    assert np.bincount(faces["Training"].class_ids).tolist() == [20, 20, 19, 20, 20, 20, 20]
    (folder / "train" / "happy" / "1.png").write_bytes(b"GIF89a")
    with pytest.raises(
        DataError, match=r"3 of 280 images are bad \(1\.1 %, at most 1 % are left out\), the first: .*7\.png"
    ):
        load_dataset(folder, ("Training", "PublicTest"))


def spoil(path, *numbers):
    """Cut the last pixel of these lines, the header being line 1."""
    lines = path.read_text().splitlines()
    for number in numbers:
        code, pixels, usage = lines[number - 1].split(",")
        lines[number - 1] = ",".join((code, pixels.rpartition(" ")[0], usage))
    path.write_text("\n".join(lines) + "\n")


def test_a_few_bad_rows_are_left_out_and_reported(tmp_path):
    whole = write_csv(tmp_path / "whole.csv")
    expected = load_dataset(whole, ("Training",))["Training"]
    path = write_csv(tmp_path / "fer2013.csv")
    spoil(path, 2, 101)
    reported = []
    faces = load_dataset(path, ("Training",), on_bad=reported.append)["Training"]
    assert reported == [f"line {n}: 2303 pixels: expected 2304 (48 x 48)" for n in (2, 101)]
    good = np.delete(np.arange(210), [0, 99])
    assert (faces.images == expected.images[good]).all()
    assert faces.rows.tolist() == good.tolist()
    assert faces.class_ids.tolist() == expected.class_ids[good].tolist()
    # Other splits are not checked, and do not lower the share.
    assert len(load_dataset(path, ("PublicTest",))["PublicTest"]) == 70
    spoil(path, 150)
    with pytest.raises(
        DataError, match=r"3 of 210 rows are bad \(1\.4 %, at most 1 % are left out\), the first: line 2: "
    ):
        load_dataset(path, ("Training",))


def test_the_commands_report_in_one_line_what_was_left_out(tmp_path, capsys):
    path = write_csv(tmp_path / "fer2013.csv")
    read_with_progress(path, ("Training",))
    assert capsys.readouterr() == ("", "")
    spoil(path, 2, 3)
    reported = []
    read_with_progress(path, ("Training", "PublicTest"), on_bad=reported.append)
    out, err = capsys.readouterr()
    assert len(reported) == 2
    assert not out
    assert err == f"fer2013.csv: skipped 2 of 280 records as unreadable, the first: {reported[0]}\n"


def write_votes(path, usages):
    """Ten votes a row, the row's number among them."""
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    rows = [f"{usage},x.png,1,2,3,4,5,6,7,8,9,{i % 256}" for i, usage in enumerate(usages)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_votes_are_put_into_our_order(plain, tmp_path):
    votes = write_votes(tmp_path / "v.csv", ["Training"] * 14 + ["PublicTest"] * 7)
    faces = load_dataset(plain, ("PublicTest",), votes=votes)["PublicTest"]
    # angry disgust fear happy sad surprise neutral contempt unknown NF
    assert faces.votes[0].tolist() == [5, 6, 7, 2, 4, 3, 1, 8, 9, 14]
    assert faces.votes.dtype == np.uint8


def test_votes_stay_with_their_rows_beside_bad_ones(tmp_path):
    path = write_csv(tmp_path / "fer2013.csv")
    votes = write_votes(tmp_path / "v.csv", ["Training"] * 210 + ["PublicTest"] * 70)
    spoil(path, 7)
    lines = path.read_text().splitlines()
    lines[100] = lines[100].replace("Training", "Trainer")
    path.write_text("\n".join(lines) + "\n")
    faces = load_dataset(path, ("Training", "PublicTest"), votes=votes)
    for part in faces.values():
        assert part.votes[:, 9].tolist() == (part.rows % 256).tolist()
    assert not {5, 99} & set(faces["Training"].rows.tolist())
    path.write_text("\n".join(lines[:6] + lines[7:]) + "\n")
    with pytest.raises(DataError, match=r"does not match|expected the same number"):
        load_dataset(path, ("Training", "PublicTest"), votes=votes)


def test_votes_of_other_rows_are_rejected(plain, tmp_path):
    short = write_votes(tmp_path / "short.csv", ["Training"] * 14 + ["PublicTest"] * 6)
    long = write_votes(tmp_path / "long.csv", ["Training"] * 14 + ["PublicTest"] * 8)
    other = write_votes(tmp_path / "other.csv", ["PublicTest"] * 7 + ["Training"] * 14)
    for votes in (short, long, other):
        with pytest.raises(DataError, match=r"does not match|expected the same number"):
            load_dataset(plain, ("Training",), votes=votes)
    for bad in ("300", "-1", "x", "", "1" * 200_000):
        votes = write_votes(tmp_path / "bad.csv", ["Training"] * 21)
        votes.write_text(votes.read_text().replace("x.png,1,", f"x.png,{bad},", 1))
        with pytest.raises(DataError, match="expected a whole number of votes"):
            load_dataset(plain, ("Training",), votes=votes)
    (tmp_path / "head.csv").write_text("Usage,happy\n")
    with pytest.raises(DataError, match=r"is FER-2013 itself: expected FER\+'s votes"):
        load_dataset(plain, ("Training",), votes=plain)
    with pytest.raises(DataError, match="lacks the columns"):
        load_dataset(plain, ("Training",), votes=tmp_path / "head.csv")


def test_a_sample_is_seeded_and_in_order(plain):
    faces = load_dataset(plain, ("Training",))["Training"]
    a, b = faces.sample(5, 1), faces.sample(5, 1)
    assert a.rows.tolist() == b.rows.tolist() == sorted(a.rows)
    assert len(faces.sample(99, 0)) == 14


def test_the_real_data_is_as_its_readme_states(fer2013, ferplus):
    faces = load_dataset(fer2013, ("Training", "PublicTest"), votes=ferplus)
    assert len(faces["Training"]) == 28558
    assert np.bincount(faces["PublicTest"].class_ids).tolist() == [467, 56, 496, 895, 653, 415, 607]
    assert faces["PublicTest"].votes.shape == (3589, 10)
    assert faces["PublicTest"].votes.sum(axis=1).tolist() == [10] * 3589


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_line_without_an_end_is_not_read_into_memory(compress, tmp_path):
    path = tmp_path / "bomb.csv"
    # Compressed streams may follow one another: that is quicker than to compress 200 MB.
    path.write_bytes(compress(b"emotion,pixels,Usage\n0,") + 200 * compress(b"0 " * 500_000))
    before_mb = peak_rss_mb()
    with pytest.raises(DataError, match="line 2 is longer than 65536 bytes"):
        load_dataset(path)
    assert peak_rss_mb() < before_mb + 60


@pytest.mark.parametrize("name", ["net.tflite", "net.keras", "saved"])
def test_a_model_in_place_of_the_data_is_named_as_such(name, tmp_path):
    path = tmp_path / name
    if not path.suffix:
        path.mkdir()
        (path / "saved_model.pb").touch()
    with pytest.raises(DataError, match=f"{name} is a model: expected a data set"):
        load_dataset(path)
