"""`mien classify` as a user calls it, in a process of its own, on real files."""

import csv
import json

import cv2
import numpy as np
import pytest

from edge.inference.contract import FER2013_LABELS
from tests.conftest import PORTRAIT

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def album(tmp_path):
    """A folder with one face, two, none, and a file that is no image."""
    folder, image = tmp_path / "album", cv2.imread(str(PORTRAIT))
    folder.mkdir()
    cv2.imwrite(str(folder / "one.jpg"), image)
    cv2.imwrite(str(folder / "two.png"), np.hstack([image, image[:, ::-1]]))
    cv2.imwrite(str(folder / "=none.png"), np.zeros((480, 640, 3), np.uint8))
    (folder / "notes.txt").write_text("no image")
    return folder


def test_classify_finds_every_face_in_photographs(invoke, tmp_path):
    image = cv2.imread(str(PORTRAIT))
    two = tmp_path / "two.png"
    cv2.imwrite(str(two), np.hstack([image, image[:, ::-1]]))
    done = invoke("classify", PORTRAIT, two, "--json")
    assert done.code == 0, done.err
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert [f["emotion"] for f in first["faces"]] == ["happy"]
    assert [f["emotion"] for f in second["faces"]] == ["happy", "happy"]
    assert set(first["faces"][0]) == {"box", "confidence", "emotion", "score", "emotions"}
    text = invoke("classify", PORTRAIT).out
    assert "portrait.jpg: 1 face\n" in text
    assert "happy" in text


def test_classify_accepts_images_of_any_size(invoke, tmp_path):
    cv2.imwrite(str(tmp_path / "1x1.png"), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "12mp.jpg"), cv2.resize(cv2.imread(str(PORTRAIT)), (4000, 3000)))
    done = invoke("classify", tmp_path / "1x1.png", tmp_path / "12mp.jpg")
    assert done.code == 0, done.err
    assert "1x1.png: no faces" in done.out
    assert "12mp.jpg: 1 face" in done.out


def test_classify_continues_after_an_unreadable_image(invoke, tmp_path):
    cut = tmp_path / "cut.png"
    cv2.imwrite(str(cut), np.zeros((64, 64, 3), np.uint8))
    cut.write_bytes(cut.read_bytes()[:50])
    assert "is not an image" in invoke("classify", cut).error_line()

    junk = tmp_path / "junk.bin"
    junk.write_bytes(b"no image" * 50)
    done = invoke("classify", tmp_path / "none.png", junk, PORTRAIT)
    assert done.code == 1
    assert "portrait.jpg: 1 face" in done.out
    lines = done.err.strip().splitlines()
    assert len(lines) == 3
    assert "cannot read" in lines[0]
    assert "is not an image" in lines[1]
    assert "2 of 3 images" in lines[2]
    assert invoke("classify").code == 2


def test_a_folder_gives_a_table_and_annotated_copies(invoke, album, tmp_path):
    table, copies = tmp_path / "faces.csv", tmp_path / "copies"
    done = invoke("classify", album, PORTRAIT, "--csv", table, "--annotated", copies)
    assert done.code == 0, done.err
    assert done.out.count("happy") == 4
    rows = list(csv.DictReader(table.read_text().splitlines()))
    names = [row["image"].rpartition("/")[2] for row in rows]
    assert names == ["=none.png", "one.jpg", "two.png", "two.png", PORTRAIT.name]
    assert [row["emotion"] for row in rows] == ["", "happy", "happy", "happy", "happy"]
    assert float(rows[1]["score"]) == pytest.approx(max(float(rows[1][label]) for label in FER2013_LABELS))
    assert {path.name for path in copies.iterdir()} == {"=none.png", "one.jpg", "two.png", PORTRAIT.name}
    before, after = (cv2.imread(str(folder / "two.png")) for folder in (album, copies))
    changed = np.abs(after.astype(int) - before).max(axis=2) > 0
    x, y, w, h = (int(rows[2][key]) for key in "xywh")
    assert changed[y : y + h, x].mean() > 0.9
    assert not changed[y + h // 4 : y + h // 2, x + w // 4 : x + w // 2].any()


def test_images_of_one_name_and_of_an_unknown_suffix_get_names_of_their_own(invoke, album, tmp_path):
    other = tmp_path / "photo.data"
    other.write_bytes(PORTRAIT.read_bytes())
    done = invoke("classify", album / "one.jpg", album, other, "--annotated", tmp_path / "copies")
    assert done.code == 0, done.err
    names = {path.name for path in (tmp_path / "copies").iterdir()}
    assert names == {"one.jpg", "one-2.jpg", "two.png", "=none.png", "photo.data.png"}


def test_what_cannot_be_written_is_found_before_anything_is_classified(invoke, album, tmp_path):
    done = invoke("classify", album, "--annotated", album)
    assert (done.code, done.out) == (2, "")
    assert "is not an empty folder: name a new folder, or empty this one" in done.error_line()
    done = invoke("classify", album, "--csv", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "expected a file" in done.error_line()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no image in" in invoke("classify", empty).error_line()


def test_the_table_of_a_run_that_fails_is_not_left_half_written(invoke, album, tmp_path):
    (album / "broken.jpg").write_bytes(b"broken")
    done = invoke("classify", album, "--csv", tmp_path / "faces.csv")
    assert done.code == 1
    assert "1 of 4 images could not be read" in done.err
    assert len((tmp_path / "faces.csv").read_text().splitlines()) == 1 + 4
    assert invoke("classify", album / "broken.jpg", "--csv", tmp_path / "one.csv").code == 1
    assert not list(tmp_path.glob("*one*"))
