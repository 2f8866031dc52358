"""YuNet through OpenCV's real FaceDetectorYN, on a network that the test builds: no package contains the weights."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.detection import open_detector
from edge.errors import DetectorError
from edge.types import Frame


@pytest.fixture(scope="module")
def bright_spot_finder(tmp_path_factory):
    """A network with YuNet's outputs: every white cell of 8x8, 16x16 or 32x32 pixels is a face of 4 cells."""
    nodes, outputs, constants = [], [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def output(name, channels, source):
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "cells", channels]))
        nodes.append(helper.make_node("Transpose", [source], [f"{name}_hwc"], perm=[0, 2, 3, 1]))
        shape = constant(f"{name}_shape", np.array([1, -1, channels], np.int64))
        nodes.append(helper.make_node("Reshape", [f"{name}_hwc", shape], [name]))

    for stride in (8, 16, 32):
        mean = f"mean{stride}"
        kernel = constant(f"k{stride}", np.full((1, 3, stride, stride), 1 / (255 * 3 * stride**2), np.float32))
        nodes.append(helper.make_node("Conv", ["input", kernel], [mean], strides=[stride] * 2))
        # Only YuNet's smallest map; the larger cells find nothing.
        weight = constant(f"w{stride}", np.full((1, 1, 1, 1), 1.0 if stride == 8 else 0.0, np.float32))
        nodes.append(helper.make_node("Conv", [mean, weight], [f"score{stride}"]))
        output(f"cls_{stride}", 1, f"score{stride}")
        output(f"obj_{stride}", 1, f"score{stride}")
        for name, channels, bias in (("bbox", 4, [0, 0, np.log(4), np.log(4)]), ("kps", 10, [0] * 10)):
            zero = constant(f"{name}_w{stride}", np.zeros((channels, 1, 1, 1), np.float32))
            shift = constant(f"{name}_b{stride}", np.array(bias, np.float32))
            nodes.append(helper.make_node("Conv", [mean, zero, shift], [f"{name}_{stride}_raw"]))
            output(f"{name}_{stride}", channels, f"{name}_{stride}_raw")
    order = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
    outputs.sort(key=lambda value: order.index(value.name))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet", [picture], outputs, constants)
    path = tmp_path_factory.mktemp("yunet") / "made.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_boxes_and_key_points_are_in_pixels_of_the_frame(bright_spot_finder):
    detector = open_detector(f"yunet:{bright_spot_finder}")
    image = np.zeros((480, 640, 3), np.uint8)
    image[160:168, 320:328] = 255
    faces = detector.detect(Frame(image, 0, 0.0, 0.0, 0.0))
    assert len(faces) == 1
    x, y, w, h = faces[0].box
    assert (w, h) == pytest.approx((32, 32), abs=1)
    assert x + w / 2 == pytest.approx(320, abs=1)
    assert y + h / 2 == pytest.approx(160, abs=1)
    assert faces[0].key_points.shape == (5, 2)
    assert faces[0].confidence == pytest.approx(1, abs=0.01)


def test_large_frames_are_downscaled_and_boxes_scaled_back(bright_spot_finder):
    detector = open_detector(f"yunet:{bright_spot_finder}")
    image = np.zeros((960, 1280, 3), np.uint8)
    image[320:336, 640:656] = 255
    faces = detector.detect(Frame(image, 0, 0.0, 0.0, 0.0))
    assert len(faces) == 1
    assert faces[0].box[2] == pytest.approx(64, abs=2)


def test_black_frames_and_single_pixels_have_no_faces(bright_spot_finder):
    detector = open_detector(f"yunet:{bright_spot_finder}")
    for shape in ((480, 640), (1, 1)):
        assert detector.detect(Frame(np.zeros(shape, np.uint8), 0, 0.0, 0.0, 0.0)) == []


def test_a_file_that_is_not_a_network_is_rejected(tmp_path):
    (tmp_path / "x.onnx").write_text("hello")
    with pytest.raises(DetectorError, match="cannot load"):
        open_detector(f"yunet:{tmp_path / 'x.onnx'}")
