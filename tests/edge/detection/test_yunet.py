"""YuNet through LiteRT: a network that a test makes, and the real one where its file is."""

import hashlib
import http.server
import json
import threading
from contextlib import suppress

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edge.detection.yunet_weights as yunet_weights
from edge.boxes import iou
from edge.detection import open_detector
from edge.detection.onnx_file import read_onnx
from edge.detection.yunet_graph import _shapes, yunet_graph
from edge.detection.yunet_network import YuNetNetwork
from edge.errors import DetectorError, WeightsMissingError
from edge.types import Frame
from tests.conftest import PORTRAIT, YUNET_ONNX


def onnx_of(weights, path):
    """An ONNX file with these convolutions, in this order."""
    nodes, constants = [], []
    for i, (kernel, bias) in enumerate(weights):
        constants += [numpy_helper.from_array(kernel, f"k{i}"), numpy_helper.from_array(bias, f"b{i}")]
        nodes.append(helper.make_node("Conv", [f"x{i}", f"k{i}", f"b{i}"], [f"x{i + 1}"]))
    picture = helper.make_tensor_value_info("x0", TensorProto.FLOAT, [1, 3, "h", "w"])
    graph = helper.make_graph(nodes, "made", [picture], [], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]), path)
    return path


@pytest.fixture(scope="module")
def made_yunet(tmp_path_factory):
    """YuNet's architecture with random weights: it finds nothing that means anything, but everything runs."""
    random = np.random.default_rng(0)
    weights = [
        (random.normal(0, 0.3, shape).astype(np.float32), random.normal(0, 0.1, shape[0]).astype(np.float32))
        for shape in _shapes()
    ]
    return onnx_of(weights, tmp_path_factory.mktemp("yunet") / "made.onnx")


@pytest.fixture(scope="module")
def pulled(yunet_onnx, tmp_path_factory):
    """A cache with YuNet in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_WEIGHTS", str(tmp_path_factory.mktemp("weights")))
        yunet_weights.pull_yunet(yunet_onnx)
        yield


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (640, 1), (40, 40), (480, 640), (480, 640, 3)])
def test_images_of_any_size_run(shape, made_yunet):
    for face in open_detector(f"yunet:{made_yunet}").detect(Frame(np.full(shape, 90, np.uint8))):
        assert np.isfinite(face.box).all()
        assert face.key_points.shape == (5, 2)


def test_interpreters_of_sizes_that_are_no_longer_used_are_closed(made_yunet):
    network = YuNetNetwork(yunet_graph(made_yunet.read_bytes(), "made"), "made")
    for width in range(64, 64 + 32 * 9, 32):
        network.find(np.zeros((320, width, 3), np.uint8), 320, 0.7)
    assert len(network._inputs) == 4


def test_the_written_graph_computes_what_the_onnx_file_does(yunet_onnx):
    """Against onnxruntime, for a size other than the declared one."""
    ort = pytest.importorskip("onnxruntime")
    from edge.inference.litert import load_interpreter

    image = cv2.resize(cv2.imread(str(PORTRAIT)), (416, 320))[None].astype(np.float32)
    session = ort.InferenceSession(str(yunet_onnx))
    expected = dict(
        zip(
            [o.name for o in session.get_outputs()],
            session.run(None, {"input": image.transpose(0, 3, 1, 2)}),
            strict=True,
        )
    )
    interpreter = load_interpreter(yunet_graph(yunet_onnx.read_bytes(), "yunet"), 1, "yunet", image.shape)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    outputs = sorted((interpreter.get_tensor(d["index"])[0] for d in interpreter.get_output_details()), key=np.size)
    for stride, output in zip((32, 16, 8), outputs, strict=True):
        rows = output.reshape(-1, 16)
        probabilities = 1 / (1 + np.exp(-rows[:, :2]))
        for name, ours in (
            ("cls", probabilities[:, :1]),
            ("obj", probabilities[:, 1:]),
            ("bbox", rows[:, 2:6]),
            ("kps", rows[:, 6:]),
        ):
            assert np.abs(ours - expected[f"{name}_{stride}"][0]).max() < 1e-4


def test_it_finds_what_opencv_finds(yunet_onnx):
    image = cv2.imread(str(PORTRAIT))
    image = cv2.resize(image, (320, round(320 * image.shape[0] / image.shape[1]) // 32 * 32))
    height, width = image.shape[:2]
    opencv = cv2.FaceDetectorYN.create(str(yunet_onnx), "", (width, height), 0.7, 0.3, 5000)
    _, rows = opencv.detect(image)
    faces = open_detector(f"yunet:{yunet_onnx}").detect(Frame(image))
    assert len(faces) == len(rows) == 1
    assert iou(faces[0].box, tuple(rows[0][:4])) > 0.9
    assert np.abs(faces[0].key_points - rows[0][4:14].reshape(5, 2)).max() < 3
    assert faces[0].confidence == pytest.approx(rows[0][14], abs=0.02)


def test_boxes_are_in_pixels_of_large_frames(pulled):
    image = cv2.imread(str(PORTRAIT))
    small = open_detector("yunet").detect(Frame(image))[0].box
    large = open_detector("yunet-640").detect(Frame(cv2.resize(image, None, fx=5, fy=5)))[0].box
    assert iou(large, tuple(5 * side for side in small)) > 0.8


def test_a_file_that_is_no_onnx_file_is_rejected(tmp_path, made_yunet):
    content = made_yunet.read_bytes()
    for name, damaged in (
        ("text", b"hello"),
        ("empty", b""),
        ("cut", content[: len(content) // 2]),
        ("zeros", bytes(99)),
    ):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DetectorError, match="expected"):
            open_detector(f"yunet:{tmp_path / name}")


def test_damaged_onnx_files_raise_nothing_else(made_yunet):
    content, random = bytearray(made_yunet.read_bytes()[:4000]), np.random.default_rng(1)
    for _ in range(500):
        damaged = bytearray(content)
        for place in random.integers(len(content), size=8):
            damaged[place] = random.integers(256)
        with suppress(DetectorError):
            read_onnx(bytes(damaged), "damaged")


def test_another_network_is_rejected(tmp_path):
    other = onnx_of([(np.zeros((8, 3, 3, 3), np.float32), np.zeros(8, np.float32))], tmp_path / "other.onnx")
    with pytest.raises(DetectorError, match="is not YuNet"):
        open_detector(f"yunet:{other}")


def test_errors_about_missing_and_damaged_weights_name_the_command(pulled, tmp_path, monkeypatch):
    content = (yunet_weights.weights_folder() / yunet_weights.YUNET_FILE).read_bytes()
    monkeypatch.setenv("MIEN_WEIGHTS", str(tmp_path))
    assert yunet_weights.yunet_state() == "missing"
    with pytest.raises(WeightsMissingError, match="mien models pull yunet"):
        open_detector("yunet")
    for place in (100, len(content) // 2, content.index(b'"source_sha256') + 20):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (tmp_path / yunet_weights.YUNET_FILE).write_bytes(damaged)
        assert yunet_weights.yunet_state() == "damaged", place


def test_the_stored_file_has_its_origin_and_license(pulled):
    import zipfile

    with zipfile.ZipFile(yunet_weights.weights_folder() / yunet_weights.YUNET_FILE) as archive:
        assert json.loads(archive.read("origin.json"))["source_sha256"] == yunet_weights.SOURCE_SHA256
        assert b"Shiqi Yu" in archive.read("LICENSE")


@pytest.fixture
def web(monkeypatch, tmp_path):
    """A web server on this machine with the folder of the test; OpenCV's addresses lead to it."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(yunet_weights, "ADDRESSES", (f"{address}/first.onnx", f"{address}/second.onnx"))
        monkeypatch.setenv("MIEN_WEIGHTS", str(tmp_path / "weights"))
        yield tmp_path
        server.shutdown()


def test_pull_downloads_from_the_second_address_when_the_first_fails(web, made_yunet, monkeypatch, invoke):
    content = made_yunet.read_bytes()
    monkeypatch.setattr(yunet_weights, "SOURCE_SHA256", hashlib.sha256(content).hexdigest())
    (web / "second.onnx").write_bytes(content)
    done = invoke("models", "pull", "yunet")
    assert done.code == 0, done.err
    assert "yunet.tflite: verified, converted and stored" in done.out
    assert yunet_weights.yunet_state() == "present"
    assert "already" in invoke("models", "pull", "yunet").out


def test_pull_rejects_another_file_and_stores_nothing(web, made_yunet, invoke):
    (web / "first.onnx").write_bytes(made_yunet.read_bytes())
    done = invoke("models", "pull", "yunet")
    assert done.code == 1
    assert "has another SHA-256" in done.err
    assert "mien models pull yunet --file FILE" in done.err
    done = invoke("models", "pull", "yunet", "--file", made_yunet)
    assert done.code == 1
    assert "expected ebafce4e3c11... of OpenCV Zoo" in done.err
    assert not (web / "weights").exists()


def test_pull_of_everything_does_not_fail_for_yunet_alone(web, weights, monkeypatch, invoke):
    import edge.cli.models

    monkeypatch.setattr(edge.cli.models, "weights_state", lambda name: "present")
    done = invoke("models", "pull")
    assert done.code == 0
    assert "mien runs without it" in done.err


def test_pull_of_an_unknown_detector_is_wrong_use(invoke):
    done = invoke("models", "pull", "haar")
    assert done.code == 2
    assert "expected blazeface or yunet" in done.err
    assert invoke("models", "pull", "blazeface", "--file", YUNET_ONNX or "x.onnx").code == 2
