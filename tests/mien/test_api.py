"""The public package: what it exports, what it costs to import, and its examples as they stand."""

import ast
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

import mien
from edge.errors import MissingExtraError, WrongUseError
from edge.own_package import extra_command
from edge.system.lazy import lazy_exports
from mien.testing import ScriptedClassifier, ScriptedDetector
from tests.conftest import PORTRAIT, ROOT

FACE = mien.Frame(np.zeros((48, 48), np.uint8))


def run(code, **options):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, **options)


def test_every_export_is_there():
    for name in mien.__all__:
        assert getattr(mien, name) is not None
    assert set(mien.__all__) <= {*dir(mien), "__version__"}
    assert all(getattr(mien.benchmark, name).__doc__ for name in mien.benchmark.__all__)
    assert (ROOT / "mien" / "py.typed").exists()
    with pytest.raises(AttributeError, match="module 'mien' has no attribute 'Recogniser'"):
        mien.Recogniser  # noqa: B018


def test_the_exports_that_type_checkers_see_are_those_of_the_runtime():
    for path in (ROOT / "mien").glob("*.py"):
        tree = ast.parse(path.read_text())
        blocks = [node for node in tree.body if isinstance(node, ast.If)]
        imports = [node for block in blocks for node in ast.walk(block) if isinstance(node, ast.ImportFrom)]
        seen = {alias.asname or alias.name for node in imports for alias in node.names}
        if blocks:
            module = __import__(f"mien.{path.stem}" if path.stem != "__init__" else "mien", fromlist=["x"])
            assert seen == set(module.__all__) - {"__version__"}, path


def test_importing_it_loads_nothing_heavy_and_changes_nothing():
    code = (
        "import os, sys\nbefore = dict(os.environ)\nimport mien\n"
        "heavy = {'numpy', 'cv2', 'ai_edge_litert', 'click', 'rich', 'keras', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert dict(os.environ) == before\nprint(mien.__version__)"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == mien.__version__


def test_a_missing_extra_is_named():
    get, _ = lazy_exports("mien.x", {"fit": "there_is_no_such_module:fit"}, extra="train")
    with pytest.raises(MissingExtraError, match=re.escape(extra_command("train"))):
        get("fit")


def test_the_command_runs_as_a_module():
    done = subprocess.run([sys.executable, "-P", "-m", "mien", "--version"], capture_output=True, text=True)
    assert done.stdout.strip() == f"mien, version {mien.__version__}"


def test_recognizer_on_a_photograph(weights):
    image = cv2.imread(str(PORTRAIT))
    with mien.Recognizer("mien-small-int8") as recognizer:
        (face,) = recognizer(image)
        assert (face.emotion, face.score > 0.8) == ("happy", True)
        # YuNet's, or BlazeFace's where YuNet's weights are missing.
        assert face.key_points.shape in ((5, 2), (6, 2))
        assert tuple(face.emotions) == recognizer.labels
        assert sum(face.emotions.values()) == pytest.approx(1, abs=0.02)
        # A gray image has the same face.
        (gray,) = recognizer(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        assert gray.emotion == "happy"
        x, y, w, h = (round(v) for v in face.box)
        crop = cv2.cvtColor(image[y : y + h, x : x + w], cv2.COLOR_BGR2GRAY)
        emotions = recognizer.classify(crop)
        assert max(emotions, key=emotions.get) == "happy"
        drawn = recognizer.annotate(image, [face])
    assert drawn.shape == image.shape
    assert (drawn != image).any()
    assert (image == cv2.imread(str(PORTRAIT))).all()


def test_recognizer_takes_objects_and_a_prior():
    from edge.types import Detection

    detector = ScriptedDetector([[Detection((0, 0, 48, 48), 0.9)]] * 2)
    image = np.full((48, 48), 3, np.uint8)
    (face,) = mien.Recognizer(ScriptedClassifier(), detector=detector)(image)
    (corrected,) = mien.Recognizer(ScriptedClassifier(), detector=detector, prior={"neutral": 0.9})(image)
    assert face.emotion == "happy"
    assert corrected.emotions["happy"] < face.emotions["happy"]


def test_recognizer_rejects_an_image_of_another_kind():
    recognizer = mien.Recognizer(ScriptedClassifier(), detector=ScriptedDetector([]))
    with pytest.raises(ValueError, match=r"expected \(h, w\) or \(h, w, 3\) uint8. Received: shape=\(2, 2, 4\)"):
        recognizer(np.zeros((2, 2, 4), np.uint8))


def test_watch_yields_the_events_of_a_clip(demo_clip, weights):
    events = list(mien.watch(str(demo_clip)))
    assert [(event.state, event.emotion) for event in events] == [("started", "happy"), ("ended", "happy")]
    every = list(mien.watch(str(demo_clip), emit="frame"))
    assert len(every) == 90


def test_watch_ends_its_capture_process_with_the_loop(weights):
    for event in mien.watch("demo"):
        assert event.state == "started"
        break


def test_sources_sinks_and_frames(demo_clip, tmp_path):
    with mien.open_source(str(demo_clip)) as source:
        frame = next(iter(source))
    assert frame.image.shape == (480, 640, 3)
    assert FACE.index == 0
    with pytest.raises(mien.MienError, match="no source"):
        mien.open_source(str(tmp_path / "nothing"))


def test_the_room_is_the_default_of_a_shipped_model():
    face = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    detector = ScriptedDetector([])
    default, room, none = (
        mien.Recognizer(detector=detector, **({"prior": prior} if prior else {})) for prior in (None, "room", "none")
    )
    np.testing.assert_array_equal(default.scores(face), room.scores(face))
    assert np.abs(default.scores(face) - none.scores(face)).max() > 0.01
    np.testing.assert_array_equal(none.scores(face), none.classifier.scores(face))
    np.testing.assert_array_equal(default.with_detector(ScriptedDetector([])).scores(face), default.scores(face))
    with pytest.raises(WrongUseError, match="has no score calibration"):
        mien.Recognizer(ScriptedClassifier(), detector=detector, prior="room")


def test_watch_takes_a_recognizer_or_a_prior():
    recognizer = mien.Recognizer(ScriptedClassifier(), detector=ScriptedDetector([]))
    with pytest.raises(WrongUseError, match="either a recognizer or a prior"):
        next(mien.watch("demo", recognizer, prior="none"))
