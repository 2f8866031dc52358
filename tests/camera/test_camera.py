"""`mien run --source picamera2` with the real libcamera and picamera2 on virtual cameras: `make test-camera`."""

import itertools
import re
import shutil
import time

import pytest

from tests.camera.stack import CAMERAS, Camera

pytestmark = [pytest.mark.slow, pytest.mark.real_part, pytest.mark.usefixtures("weights"), pytest.mark.timeout(1800)]

RUN = ("run", "--source", "picamera2", "--max-frames", 3)
#: Reads one frame at each factor by which the load control divides the size.
SHAPES = """
import json
from edge.sources import open_source
shapes = []
for downscale in (1, 2, 3):
    with open_source("picamera2", downscale) as source:
        image = next(iter(source)).image
        lores = source._camera.camera_configuration()["lores"]
        # Diagonal lines are in every row; a row of chroma has one value.
        shapes.append([image.shape, lores["format"], min(int(row.max()) - int(row.min()) for row in image[1:-1])])
print(json.dumps(shapes))
"""
LARGER = """
import json
from edge.capture import CapturedSource
seen = []
with CapturedSource("picamera2") as source:
    stream = iter(source)
    for downscale in (1, 2, 1):
        source.request_downscale(downscale)
        expected = 640 // downscale
        frame = next(frame for frame in stream if frame is not None and frame.image.shape[1] == expected)
        seen.append([frame.image.shape, frame.scale])
print(json.dumps(seen))
"""
#: The stamps of frames, their arrivals, and the times from a frame's stamp to its arrival.
STAMPS = """
import json, sys, time
from edge.sources import open_source
frames, pause_s = int(sys.argv[1]), float(sys.argv[2])
seen = []
with open_source("picamera2") as source:
    stream = iter(source)
    next(stream)
    for _ in range(frames):
        time.sleep(pause_s)
        frame = next(stream)
        seen.append((frame.timestamp_s, time.monotonic(), frame.capture_ms))
print(json.dumps(seen))
"""
BUSY = """
import json
from picamera2 import Picamera2
from edge.errors import SourceError
from edge.sources import open_source
held = Picamera2(0)
try:
    open_source("picamera2")
except SourceError as error:
    print(json.dumps(str(error)))
"""


def error_line(done, code=1):
    """The one line that `mien` has printed, apart from warnings."""
    lines = [line for line in done.stderr.splitlines() if "warning: " not in line]
    assert done.returncode == code, done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    "size", [(640, 480), (320, 240), (1920, 1080), (648, 487)], ids=lambda size: "x".join(map(str, size))
)
def test_faces_are_found_in_frames_of_the_size_that_the_camera_has(stack, size):
    stack.connect(Camera(size))
    # Detected in each frame: the camera is so fast that the face is elsewhere in the next one that is read.
    report, events = stack.read(60, "--cadence", 1)
    assert report["frames_processed"] == 60
    boxes = [event["box"] for event in events if "box" in event]
    assert len(boxes) >= 50
    for x, y, width, height in boxes:
        # In the picture, where chroma rows taken for luminance would not be.
        assert -width < x < size[0]
        assert -height < y < size[1]
    # The demo's face is about a quarter of the height of a frame.
    heights = sorted(height / size[1] for *_, height in boxes)
    assert 0.15 < heights[len(heights) // 2] < 0.9


def test_a_test_pattern_has_no_face(stack):
    stack.connect(Camera((640, 480), pictures=False))
    report, events = stack.read(60)
    assert report["frames_processed"] == 60
    assert [event for event in events if "box" in event] == []
    assert [event["state"] for event in events if "reason" in event] == ["online"]


@pytest.mark.parametrize(
    ("sizes", "shapes"),
    [
        ([(640, 480), (320, 240)], [[480, 640], [240, 320], [480, 640]]),
        ([(320, 240)], [[240, 320]] * 3),
        ([(640, 487)], [[487, 640]] * 3),
    ],
    ids=["two sizes", "a smaller one", "an odd height"],
)
def test_frames_have_the_size_and_format_that_the_camera_gives(stack, sizes, shapes):
    stack.connect(Camera(*sizes, pictures=False))
    seen = stack.python(SHAPES)
    assert [shape for shape, *_ in seen] == shapes
    # libcamera's virtual camera gives nothing but NV12, although YUV420 was asked for.
    assert {name for _, name, _ in seen} == {"NV12"}
    assert min(contrast for *_, contrast in seen) > 50


def test_the_load_control_gets_smaller_frames(stack):
    stack.connect(Camera((640, 480), (320, 240)))
    assert stack.python(LARGER) == [[[480, 640], 1.0], [[240, 320], 2.0], [[480, 640], 1.0]]


def test_a_wrong_index_and_no_camera_at_all(stack):
    stack.connect(Camera((640, 480)))
    line = error_line(stack.mien("run", "--source", "picamera2:1", "--max-frames", 3))
    assert line.startswith("mien: no camera picamera2:1: libcamera sees picamera2:0 (virtual)")
    stack.connect()
    line = error_line(stack.mien(*RUN))
    assert line.startswith("mien: no camera picamera2:0: libcamera sees none; check the ribbon cable")


def test_why_the_camera_does_not_start_is_stated_once(stack):
    """Each stand-in in turn is left out, which gives real failures of the real libraries."""
    stack.connect(Camera((640, 480)))
    line = error_line(stack.mien(*RUN, shim=False))
    assert line == (
        "mien: cannot start picamera2:0: Failed to allocate buffers: No buffer space available; check it with  "
        "rpicam-hello (Could not open any dma-buf provider)"
    )
    # pykms without the other changes: there is no raw stream.
    alone = stack.root / "opt/pykms-alone"
    alone.mkdir(exist_ok=True)
    shutil.copy(stack.root / "opt/stand-ins/pykms.py", alone)
    line = error_line(stack.mien(*RUN, stand_ins="/opt/pykms-alone"))
    assert line.startswith("mien: cannot start picamera2:0: ")
    assert "another program" not in line
    assert "sequence did not complete" not in line
    assert "Requested stream role not supported: Raw" in line
    assert "libcamera v" not in line
    # picamera2 from the package index has no pykms.
    line = error_line(stack.mien(*RUN, stand_ins=""), code=2)
    assert "this environment has no picamera2 (No module named 'pykms'): apt install python3-picamera2" in line


def test_a_camera_that_is_in_use(stack):
    # Two processes may read one virtual camera, which has no device node to lock; two objects of one process may not.
    stack.connect(Camera((640, 480)))
    line = stack.python(BUSY)
    assert line.startswith("cannot start picamera2:0: Failed to acquire camera: Device or resource busy")
    assert line.endswith("; stop the program that uses it")


def test_two_readers(stack):
    stack.connect(Camera((640, 480)))
    with stack.daemon() as first, stack.daemon(name="second.jsonl") as second:
        first.more_faces()
        second.more_faces()
        first.more_faces()
        assert first.states() == second.states() == [("online", "")]


def test_the_capture_process_is_killed_and_started_again(stack):
    stack.connect(Camera((640, 480)))
    with stack.daemon() as daemon:
        daemon.more_faces()
        daemon.kill_capture()
        daemon.wait(lambda daemon: len(daemon.states()) == 3)
        daemon.more_faces()
        # libcamera's banner is the last line that the process has written.
        assert daemon.states() == [
            ("online", ""), ("offline", "its process died: signal 9 (SIGKILL)"), ("online", ""),
        ]  # fmt: skip
        code, output = daemon.end()
        assert code == 0, output
    with stack.daemon() as daemon:
        daemon.more_faces()


def test_doctor(stack):
    stack.connect(Camera((640, 480)))
    done = stack.mien("doctor")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^ok +picamera2 +finds 1 camera\(s\)$", done.stdout, re.MULTILINE), done.stdout
    stack.connect()
    assert re.search(r"^warning +picamera2 +finds no camera$", stack.mien("doctor").stdout, re.MULTILINE)
    done = stack.mien("doctor", stand_ins="")
    assert re.search(r"^broken +picamera2 +cannot be imported: .*pykms", done.stdout, re.MULTILINE), done.stdout


def test_the_release_asks_the_package_index_for_no_picamera2(stack):
    asked = stack.python("import importlib.metadata, json; print(json.dumps(importlib.metadata.requires('mien')))")
    assert asked
    assert [name for name in asked if "picamera2" in name] == []


def test_latency_counts_from_the_stamp_of_the_sensor(stack):
    stack.connect(Camera((640, 480)))
    seen = stack.python(STAMPS, 200, 0)
    stamps, arrivals, ages_ms = zip(*seen, strict=True)
    assert list(stamps) == sorted(set(stamps))
    # The virtual camera does not wait for a frame to be due: it has no rate of its own. The rate by the stamps is that
    # of the frames' arrivals, so the stamps are of the clock that mien subtracts them from.
    by_stamps, by_arrivals = ((times[-1] - times[0]) / (len(times) - 1) * 1000 for times in (stamps, arrivals))
    assert by_stamps == pytest.approx(by_arrivals, rel=0.1)
    # picamera2 keeps one frame that is complete while the next ones are exposed.
    median_ms = sorted(ages_ms)[len(ages_ms) // 2]
    assert 0 < median_ms < 4 * by_arrivals
    for stamp, arrival, age_ms in seen:
        assert 0 <= age_ms / 1000 <= arrival - stamp + 0.001
    print(f"{by_arrivals:.1f} ms from frame to frame, {median_ms:.1f} ms from a frame's stamp to its arrival (median)")


def test_a_slow_reader_gets_the_newest_frame(stack):
    stack.connect(Camera((640, 480)))
    _, arrivals, ages_ms = zip(*stack.python(STAMPS, 20, 0.25), strict=True)
    assert min(later - earlier for earlier, later in itertools.pairwise(arrivals)) >= 0.25
    median_ms = sorted(ages_ms)[len(ages_ms) // 2]
    assert median_ms < 125
    print(f"read four times a second, a frame is {median_ms:.1f} ms old (median)")


# --- bad input ---


def test_a_camera_that_returns_with_another_format(stack):
    stack.connect(Camera((640, 480)))
    with stack.daemon() as daemon:
        daemon.more_faces()
        for size in ((320, 240), (1920, 1080), (640, 480)):
            stack.connect(Camera(size))
            daemon.kill_capture()
            states = len(daemon.states())
            daemon.wait(lambda daemon, states=states: len(daemon.states()) >= states + 2)
            daemon.more_faces(30)
            width, height = size
            for event in daemon.faces()[-10:]:
                x, y, w, h = event["box"]
                assert -w < x < width
                assert -h < y < height
                assert h < height
        assert [state for state, _ in daemon.states()] == ["online"] + ["offline", "online"] * 3
        assert daemon.end()[0] == 0


@pytest.mark.parametrize("size", [(0, 0), (640, 0), (7, 480)], ids=lambda size: "x".join(map(str, size)))
def test_a_camera_without_pixels_is_left_out_by_libcamera(stack, size):
    # Frames without a pixel that picamera2 itself hands over: tests/edge/sources/test_sources.py.
    stack.connect(Camera(size))
    line = error_line(stack.mien(*RUN))
    assert line.startswith("mien: no camera picamera2:0: libcamera sees none; check the ribbon cable (Failed to parse ")


def test_the_smallest_frame_and_one_beyond_the_memory(stack):
    stack.connect(Camera((2, 2)))
    assert stack.mien(*RUN).returncode == 0
    stack.connect(Camera((10000, 10000)))
    line = error_line(stack.mien(*RUN))
    assert line.startswith("mien: picamera2:0: its process died: ")


def test_a_camera_that_disappears_and_returns(stack):
    stack.connect(Camera((640, 480)))
    with stack.daemon() as daemon:
        daemon.more_faces()
        stack.connect()
        daemon.kill_capture()
        daemon.wait(lambda daemon: daemon.states()[-1][0] == "offline")
        stack.connect(Camera((640, 480)))
        daemon.wait(lambda daemon: daemon.states()[-1][0] == "online")
        daemon.more_faces()
        assert [state for state, _ in daemon.states()] == ["online", "offline", "online"]
        assert daemon.end()[0] == 0


def test_a_camera_that_returns_with_another_index(stack):
    faces = Camera((640, 480), name="Virtual1")
    stack.connect(faces)
    with stack.daemon() as daemon:
        daemon.more_faces()
        # Another camera has its index now, and shows no face.
        stack.connect(faces, Camera((640, 480), name="Virtual2", pictures=False))
        daemon.kill_capture()
        daemon.wait(lambda daemon: len(daemon.states()) == 3)
        daemon.more_faces()
        # It is gone, and only the other one is there.
        stack.connect(Camera((640, 480), name="Virtual2", pictures=False))
        daemon.kill_capture()
        daemon.wait(lambda daemon: daemon.states()[-1][0] == "offline")
        faces_before = len(daemon.faces())
        time.sleep(3)
        assert len(daemon.faces()) == faces_before
        stack.connect(Camera((640, 480), name="Virtual0", pictures=False), faces)
        daemon.wait(lambda daemon: daemon.states()[-1][0] == "online")
        daemon.more_faces()
        assert [state for state, _ in daemon.states()] == ["online", "offline", "online", "offline", "online"]
        assert {event["source"] for event in daemon.events()} == {"picamera2:0"}
        assert daemon.end()[0] == 0


def test_a_file_of_cameras_that_is_damaged(stack):
    stack.connect(Camera((640, 480)))
    (stack.root / CAMERAS).write_text("%YAML 1.1\n---\n{")
    assert "no camera picamera2:0" in error_line(stack.mien(*RUN))


# --- Bookworm, as far as it goes: Raspberry Pi OS has a later libcamera of its own ---


def test_bookworm_has_no_python_binding_of_libcamera(bookworm):
    line = error_line(bookworm.mien(*RUN, shim=False, stand_ins=""), code=2)
    assert "this environment has no picamera2 (No module named 'libcamera'): apt install python3-picamera2" in line
    done = bookworm.mien("doctor", shim=False, stand_ins="")
    assert re.search(r"^broken +picamera2 +cannot be imported: .*libcamera", done.stdout, re.MULTILINE), done.stdout


def test_bookworm_reads_the_demo(bookworm):
    done = bookworm.mien("run", "--source", "demo", "--max-frames", 30, shim=False, stand_ins="")
    assert done.returncode == 0, done.stderr
    assert "30 frames" in done.stderr
