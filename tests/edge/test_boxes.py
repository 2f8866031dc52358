import pytest

from edge.boxes import iou, share_inside, shared_area


def test_iou():
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert iou((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_shared_area():
    assert shared_area((0, 0, 10, 10), (5, 8, 10, 10)) == 10
    assert shared_area((0, 0, 10, 10), (20, 0, 10, 10)) == 0


@pytest.mark.parametrize(
    ("box", "share"), [((10, 10, 20, 20), 1), ((-10, 0, 20, 20), 0.5), ((90, 90, 20, 20), 0.25), ((200, 0, 9, 9), 0)]
)
def test_share_inside(box, share):
    assert share_inside(box, (100, 100)) == share
