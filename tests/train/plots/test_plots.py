import builtins
import sys
from itertools import pairwise

import numpy as np
import pytest

from edge.errors import DataError, MissingExtraError
from edge.evaluation.calibration import measure_calibration
from edge.inference.contract import FER2013_LABELS
from train.evaluation.roc import compute_roc
from train.plots.bars import class_bars
from train.plots.confusion import confusion
from train.plots.curves import curves, draw_curves
from train.plots.reliability_diagram import reliability
from train.plots.roc_curves import roc_curves
from train.plots.run_comparison import Line, comparison
from train.plots.sheets import sheet
from train.plots.style import COLORS, LONGEST_FILE, cut, line_style, new_figure, save, short

LONG_NAMES = (
    *FER2013_LABELS,
    "contemptuous and a little bored",
    "a label of fifty letters, more than any chart has",
    "$x$",
)


def history(epochs):
    return [
        {
            "epoch": i,
            "loss": 2 - i / epochs,
            "accuracy": i / epochs,
            "val_loss": 1.9,
            "val_accuracy": 0.6 - abs(i - 3) / 9,
        }
        for i in range(epochs)
    ]


def made_scores(labels):
    random = np.random.default_rng(0)
    return random.dirichlet(np.ones(len(labels)), 300).astype(np.float32), random.integers(0, len(labels), 300)


def make_bars(labels):
    counts = {split: {label: 7000 * (1 + i) for i, label in enumerate(labels)} for split in ("Training", "PublicTest")}
    return class_bars({**counts, "PrivateTest": dict.fromkeys(labels, 3)}, "images")


def make_confusion(labels):
    return confusion(np.random.default_rng(0).integers(0, 9000, (len(labels),) * 2).tolist(), labels, "confusion")


def make_roc(labels):
    return roc_curves(compute_roc(*made_scores(labels), labels), "roc")


def make_reliability(labels):
    # The narrowest chart with the longest title: a file's name, cut.
    calibration = measure_calibration(*made_scores(labels))
    return reliability(calibration, f"{cut('mobilenet-v3-' * 9, LONGEST_FILE)} on PrivateTest")


def make_curves(labels):
    return curves(history(12), "curves", [(label, 1) for label in labels[:2]])


def make_sheet(labels):
    faces = [np.zeros((48, 48), np.uint8), None] * len(labels)
    captions = [f"{short(label)} →\n{short(label)} 0.99" for label in labels for _ in range(2)]
    return sheet(faces, captions, title="sheet", columns=2, row_names=[short(label) for label in labels])


def make_comparison(labels):
    return comparison([Line(label, [0.1, 0.5 + i / 100], 2, 0.5) for i, label in enumerate(labels)], "runs")


def texts_outside(figure):
    """Every text that is drawn and not wholly inside the figure."""
    from matplotlib.axis import Tick
    from matplotlib.text import Text

    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    # Ticks beyond the limits of an axis exist, and are not drawn.
    hidden = {
        id(text)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.findobj(Tick)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        for text in (tick.label1, tick.label2)
    }
    found = []
    for text in figure.findobj(Text):
        if not text.get_text() or not text.get_visible() or id(text) in hidden:
            continue
        box = text.get_window_extent(renderer)
        if min(box.x0, box.y0) < -1 or box.x1 > figure.bbox.width + 1 or box.y1 > figure.bbox.height + 1:
            found.append(text.get_text())
    return found


MAKERS = (make_bars, make_confusion, make_roc, make_reliability, make_curves, make_sheet, make_comparison)


@pytest.mark.parametrize("labels", [FER2013_LABELS, LONG_NAMES, ("a", "b")], ids=["seven", "ten long", "two"])
@pytest.mark.parametrize("make", MAKERS)
def test_no_text_is_cut_off(make, labels):
    assert texts_outside(make(labels)) == []


def test_a_text_that_is_cut_off_is_found():
    figure = new_figure(2, 2)
    figure.text(0.9, 0.5, "much too long to be here")
    assert texts_outside(figure) == ["much too long to be here"]


@pytest.mark.parametrize("make", MAKERS)
def test_names_do_not_cover_each_other(make):
    figure = make(LONG_NAMES)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [label.get_window_extent(renderer) for label in axes.get_yticklabels() if label.get_text()]
        for a, b in pairwise(boxes):
            assert not a.overlaps(b)


def test_lines_differ_by_colour_and_without_it():
    styles = [line_style(i) for i in range(10)]
    assert len({(style["linestyle"], style["marker"]) for style in styles}) == 10
    assert len({(style["color"], style["linestyle"]) for style in styles}) == 10
    assert "#F0E442" not in COLORS


def test_curves_mark_the_best_epoch_and_where_a_stage_begins():
    figure = curves(history(8), "t", [("features", 3), ("finetune", 5)])
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert "best: 60.00%, epoch 4" in labels
    assert [text.get_text() for text in figure.axes[0].texts] == ["features", "finetune"]
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if len(set(line.get_xdata())) == 1] == [3.5]


def test_one_epoch_and_a_loss_that_is_no_number_are_drawn(tmp_path):
    draw_curves(history(1), tmp_path / "one.png", title="one")
    draw_curves([{"loss": float("nan"), "accuracy": 0.1}] * 2, tmp_path / "nan.png", title="nan")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nan.png", "one.png"]
    with pytest.raises(DataError, match="no epoch"):
        draw_curves([], tmp_path / "none.png", title="none")


def test_a_name_in_another_script_is_no_warning(tmp_path):
    save(make_bars(("怒り", "joie")), tmp_path / "bars.png")
    save(make_sheet(("怒り", "joie")), tmp_path / "sheet.png")


def test_charts_leave_matplotlib_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    save(make_roc(FER2013_LABELS), tmp_path / "roc.png")
    assert dict(matplotlib.rcParams) == before
    # Keras imports it where it can; no figure may be left open there.
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def reject(name, *rest, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", reject)
    with pytest.raises(MissingExtraError, match=r"matplotlib.*\[train\]") as caught:
        new_figure(1, 1)
    assert caught.value.exit_code == 2


def test_short_keeps_both_ends():
    assert short("neutral") == "neutral"
    assert len(short("x" * 60)) == 28
    assert short("begin" + "x" * 60 + "end").startswith("begin")
    assert short("begin" + "x" * 60 + "end").endswith("end")


def test_areas_are_those_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    scores, class_ids = made_scores(FER2013_LABELS)
    found = compute_roc(scores, class_ids, FER2013_LABELS)
    expected = np.eye(7)[class_ids]
    each = roc_auc_score(expected, scores, average=None)
    assert [curve.area for curve in found.classes.values()] == pytest.approx(each.tolist())
    assert found.macro.area == pytest.approx(roc_auc_score(expected, scores, average="macro"))
    assert found.micro.area == pytest.approx(roc_auc_score(expected, scores, average="micro"))
    # The drawn mean encloses the area of its number.
    assert np.trapezoid(found.macro.true_positive, found.macro.false_positive) == pytest.approx(
        found.macro.area, abs=0.01
    )


def test_a_class_that_is_absent_has_no_curve():
    scores, class_ids = made_scores(FER2013_LABELS)
    class_ids[class_ids == 1] = 2
    found = compute_roc(scores, class_ids, FER2013_LABELS)
    assert found.undefined == ("disgust",)
    assert found.as_dict()["macro"] == pytest.approx(np.mean([curve.area for curve in found.classes.values()]))
    alone = compute_roc(scores, np.zeros(300, np.int64), FER2013_LABELS)
    assert alone.as_dict()["macro"] is None
    assert texts_outside(roc_curves(alone, "one class")) == []
