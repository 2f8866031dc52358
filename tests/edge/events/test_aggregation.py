import numpy as np
import pytest

from edge.events.aggregation import Aggregator
from edge.inference.contract import FER2013_LABELS
from edge.pipeline import Components, Dispatcher, Pipeline
from edge.recognizer import Recognizer
from edge.testing import RecordingSink, ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.types import UNCERTAIN, Detection, Track

HAPPY, SAD = 3, 4


def track(track_id, class_id):
    scores = np.full(7, 1 / 7, np.float32)
    return Track(track_id, (0, 0, 9, 9), 0.9, scores, scores, 0.0, class_id=class_id)


def test_shares_of_time_over_all_faces():
    aggregator = Aggregator(10, 2, "camera:0", FER2013_LABELS, "m@1")
    found = [
        aggregator.add([track(1, HAPPY), track(2, SAD if s < 5 else UNCERTAIN)], float(s) / 2) for s in range(0, 22)
    ]
    (aggregate,) = [each for each in found if each is not None]
    assert (aggregate.source, aggregate.seconds, aggregate.faces, aggregate.model) == ("camera:0", 9.5, 2, "m@1")
    # 9.5 s of face 1; face 2 for 2 s sad, then uncertain.
    assert aggregate.shares["happy"] == pytest.approx(0.5)
    assert aggregate.shares["sad"] == pytest.approx(2 / 19)
    assert aggregate.shares["uncertain"] == pytest.approx(7.5 / 19)
    assert sum(aggregate.shares.values()) == pytest.approx(1)
    assert set(aggregate.shares) == {*FER2013_LABELS, "uncertain"}


def test_periods_with_few_faces_are_not_reported():
    aggregator = Aggregator(1, 3, "s", FER2013_LABELS, "m@1")
    assert all(aggregator.add([track(1, HAPPY), track(2, SAD)], s / 10) is None for s in range(100))
    assert aggregator.finish() is None
    # The next period starts from zero: two more faces are two, not four.
    assert aggregator.add([track(3, HAPPY), track(4, SAD)], 20.0) is None
    assert aggregator.finish() is None


def test_the_absence_of_a_face_does_not_count():
    aggregator = Aggregator(100, 1, "s", FER2013_LABELS, "m@1")
    for s in (0.0, 0.5, 60.0, 60.5):
        aggregator.add([track(1, HAPPY)], s)
    for s in (61.0, 64.0):
        aggregator.add([track(2, SAD)], s)
    aggregate = aggregator.finish()
    # 0.5 + 1 (the longest time that a gap counts for) + 0.5, against 1.
    assert aggregate.shares["happy"] == pytest.approx(2 / 3)


def test_sinks_receive_no_single_face():
    faces = [Detection((x, 10, 20, 20), 0.9) for x in (0, 25, 43)]
    sink = RecordingSink()
    aggregator = Aggregator(1, 3, "scripted", FER2013_LABELS, "scripted@1")
    recognizer = Recognizer(ScriptedClassifier(), detector=ScriptedDetector([faces] * 25))
    dispatcher = Dispatcher(sink, aggregator=aggregator)
    report = Pipeline(Components.build(ScriptedSource([HAPPY] * 25), recognizer, dispatcher)).run()
    assert sink.events == []
    assert [aggregate.faces for aggregate in sink.aggregates] == [3, 3, 3]
    assert [aggregate.shares["happy"] for aggregate in sink.aggregates] == [1, 1, 1]
    assert {report.faces for report in sink.reports} == {None}
    assert report.events == 3
