import pytest

from edge.benchmark.face_matching import match_faces, size_titles
from edge.benchmark.wider_face import LabeledFace, read_wider
from edge.errors import DataError
from edge.types import Detection

TEXT = """0--Parade/a.jpg
2
10 20 30 40 0 0 0 0 0 0
50 60 70 80 2 0 0 1 0 0
1--Empty/b.jpg
0
0 0 0 0 0 0 0 0 0 0
c.jpg
1
1 2 3 4
d.jpg
0
e.jpg
1
5 5 0 9 0 0 0 0 0 0
"""


def test_widers_format(tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text(TEXT)
    pictures = read_wider(path)
    assert [picture.name for picture in pictures] == ["0--Parade/a.jpg", "1--Empty/b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert pictures[0].faces == (LabeledFace((10, 20, 30, 40), False), LabeledFace((50, 60, 70, 80), True))
    assert pictures[1].faces == pictures[3].faces == ()
    assert pictures[2].faces == (LabeledFace((1, 2, 3, 4), False),)
    # Without an area.
    assert pictures[4].faces[0].ignored


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no pictures"),
        ("a.jpg\n", "line 2: expected the number of faces of 'a.jpg', got ''"),
        ("a.jpg\nmany\n", "line 2: expected the number of faces of 'a.jpg', got 'many'"),
        ("a.jpg\n2\n1 2 3 4\n", "line 4: expected x y w h"),
        ("a.jpg\n1\n1 2 3\n", "line 3: expected x y w h blur"),
        ("a.jpg\n1\n1 2 3 x\n", "got '1 2 3 x'"),
        ("a.jpg\n1\n1 2 3 99999999\n", "line 3: expected x y w h blur"),
        (f"a.jpg\n{'9' * 5000}\n", "line 2: expected the number of faces"),
        ("../a.jpg\n0\n", "leads out of the data"),
        ("/a.jpg\n0\n", "leads out of the data"),
        ("a.jpg\n0\na.jpg\n0\n", "names 'a.jpg' twice"),
    ],
)
def test_wrong_boxes(tmp_path, text, complaint):
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(DataError) as raised:
        read_wider(path)
    assert complaint in str(raised.value)


def test_boxes_that_are_no_text(tmp_path):
    path = tmp_path / "boxes.txt"
    with pytest.raises(DataError, match="cannot read"):
        read_wider(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is no text in UTF-8"):
        read_wider(path)


def face(x, y, side, ignored=False):
    return LabeledFace((x, y, side, side), ignored)


def detection(x, y, side, confidence=0.9):
    return Detection((x, y, side, side), confidence)


def test_sizes_are_shares_of_the_longer_side():
    faces = [face(0, 0, 160), face(200, 0, 159), face(400, 0, 79), face(500, 0, 39), face(600, 0, 29), face(700, 0, 19)]
    matches = match_faces([], faces, (800, 1000))
    assert matches.faces == ((0, False), (1, False), (2, False), (3, False), (4, False))
    assert size_titles() == [">= 16 %", "8-16 %", "4-8 %", "3-4 %", "2-3 %"]


def test_a_face_is_found_once_and_the_second_detection_is_false():
    matches = match_faces([detection(0, 0, 100), detection(5, 0, 100, 0.8)], [face(2, 2, 100)], (640, 480))
    assert matches.faces == ((1, True),)
    assert matches.false == 1


def test_neighbors_are_matched_with_what_they_overlap_most():
    faces = [face(0, 0, 100), face(60, 0, 100)]
    matches = match_faces([detection(58, 0, 100, 0.9), detection(2, 0, 100, 0.8)], faces, (640, 480))
    assert matches.faces == ((1, True), (1, True))
    assert matches.false == 0


def test_what_is_ignored_is_neither_missed_nor_false():
    faces = [face(0, 0, 100, ignored=True), face(300, 0, 8)]
    detections = [detection(0, 0, 100), detection(300, 0, 8), detection(300, 0, 13), detection(500, 300, 9)]
    matches = match_faces(detections, faces, (640, 480))
    assert matches.faces == ()
    # Of 13 pixels, which is above the least size, and overlaps the face of 8 by 0.38 only.
    assert matches.false == 1
