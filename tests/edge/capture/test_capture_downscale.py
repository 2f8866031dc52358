"""A loop whose camera gives smaller frames for a while."""

from itertools import pairwise

import pytest

from edge.boxes import iou
from edge.capture.captured_source import CapturedSource
from edge.pipeline import Components, DegradationLevel, Dispatcher, LoadControl, Pipeline
from edge.recognizer import Recognizer
from edge.testing import RecordingSink
from edge.tracking.tracker import MAX_MISS_S

pytestmark = pytest.mark.slow

#: Of each size.
FACES = 15


@pytest.mark.parametrize("cadence", [1, "auto"])
def test_a_face_stays_where_it_is_while_its_camera_gives_smaller_frames(camera, weights, cadence):
    """A real detector, frames of a process of their own, and a load control that changes the size twice."""

    class Undecided(LoadControl):
        level = DegradationLevel()

    control, sink, sizes = Undecided(), RecordingSink(), []

    def turn(frame):
        if frame is None:
            return
        if not sizes or frame.size_wh != sizes[-1][0]:
            sizes.append((frame.size_wh, pipeline.statistics.faces))
        # The portrait is out of view from time to time.
        if pipeline.statistics.faces >= sizes[-1][1] + FACES:
            control.level = DegradationLevel(capture_downscale=2 if len(sizes) == 1 else 1)
            if len(sizes) == 3:
                pipeline.stop()

    source = CapturedSource(camera.spec, stall_timeout_s=20.0, freeze_timeout_s=0.0)
    components = Components.build(
        source, Recognizer(), Dispatcher(sink), emit="frame", interval=cadence, load_control=control
    )
    with source:
        pipeline = Pipeline(components)
        pipeline.run(after_step=turn)
    assert [size for size, _ in sizes] == [(640, 480), (320, 240), (640, 480)]
    seen = [event for event in sink.events if event.state != "ended"]
    assert len(seen) >= 3 * FACES
    for a, b in pairwise(seen):
        # Half or twice as wide, if boxes were in pixels of the smaller frames.
        assert 0.7 < a.box[2] / b.box[2] < 1.4
        # A camera takes its time to open again; on a busy machine faces leave meanwhile.
        if (b.time - a.time).total_seconds() < MAX_MISS_S / 2:
            assert a.track_id == b.track_id
            assert iou(a.box, b.box) > 0.3
    assert all(event.state == "online" for event in sink.source_events)
