import numpy as np
import pytest

from convert.analysis.activation_ranges import activation_ranges
from convert.analysis.inspection import arena_bytes
from convert.graph_edit import accept_uint8_pixels, ensure_signature, prepare_for_quantizer
from convert.quantization import quantize_graph
from edge.detection.weights import read_weights
from edge.errors import ModelError
from edge.inference.flatbuffer import Graph, layer_path, schema
from edge.inference.litert import load_interpreter
from edge.inference.model_card import read_model
from tests.conftest import SHIPPED


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("net_1/stem_relu_1/Relu;net_1/stem_1/convolution1", "stem_1"),
        ("net_1/stage1_add_1/Add", "stage1_add_1"),
        ("net_1/conv2_block1_0_bn_1/batchnorm/add_1", "conv2_block1_0_bn_1"),
        ("Mul;cnn_1/dense_relu_1/Relu;cnn_1/dense_1/MatMul", "dense_1"),
        ("scores", "scores"),
        ("", ""),
    ],
)
def test_a_layer_is_found_in_its_tensors_name(tensor, layer):
    assert layer_path(tensor) == layer


def test_a_packed_graph_is_the_same_and_its_weights_are_aligned():
    content = read_model(SHIPPED).graph
    graph = Graph(content, "shipped")
    packed = graph.pack()
    again = Graph(packed, "packed")
    assert [(o.kind, o.layer) for o in again.operations] == [(o.kind, o.layer) for o in graph.operations]
    for a, b in zip(graph.tensors, again.tensors, strict=True):
        assert (a.name, a.dtype, a.shape, a.scales, a.zero_points) == (
            b.name,
            b.dtype,
            b.shape,
            b.scales,
            b.zero_points,
        )
        assert a.constant is None or np.array_equal(a.constant, b.constant)
    tables = schema().Model.GetRootAs(packed, 0)
    filled = [tables.Buffers(i) for i in range(tables.BuffersLength()) if tables.Buffers(i).DataLength()]
    assert len(filled) > 20
    assert {buffer._tab.Vector(buffer._tab.Offset(4)) % 16 for buffer in filled} == {0}
    # Older runtimes look for weights inside the flatbuffer only.
    assert not any(tables.Buffers(i).Offset() for i in range(tables.BuffersLength()))


def test_the_int8_graph_starts_with_a_convolution_behind_the_pixels(cnn_model):
    images = np.random.default_rng(0).integers(0, 256, (6, 48, 48)).astype(np.float32)
    extremes = [np.zeros((48, 48), np.float32), np.full((48, 48), 255, np.float32)]
    runs = [[image[None, :, :, None]] for image in (*images, *extremes)]
    ranges = activation_ranges(cnn_model.graph, lambda: iter(runs), len(runs), (0.0, 255.0))
    codes = quantize_graph(cnn_model.graph, "int8", ranges, io_types="quantized")
    assert next(o.kind for o in Graph(codes, "codes").operations) == "CONV_2D"
    pixels = accept_uint8_pixels(codes)
    graph = Graph(pixels, "pixels")
    assert [o.kind for o in graph.operations][:2] == ["QUANTIZE", "CONV_2D"]
    assert (graph.inputs[0].dtype, graph.inputs[0].scales, graph.inputs[0].zero_points) == ("UINT8", (1.0,), (0,))
    # The same codes, 128 apart, give the same answer.
    answers = []
    for content, shift, dtype in ((codes, 128, np.int8), (pixels, 0, np.uint8)):
        interpreter = load_interpreter(content, 1, "x")
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], (images[:1, :, :, None] - shift).astype(dtype)
        )
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert np.array_equal(*answers)


def test_layers_are_called_as_their_author_called_them(cnn_model):
    layers = {o.layer for o in Graph(cnn_model.graph, "cnn").operations}
    assert {"block1_conv1", "block3_pool", "dense", "logits", "scores"} <= layers


def test_a_number_stays_if_it_distinguishes_two_layers():
    graph = Graph(read_model(SHIPPED).graph, "shipped")
    for number, operation in enumerate([o for o in graph.operations if o.kind == "CONV_2D"]):
        graph.main.tensors[operation.outputs[0].index].name = f"model/conv2d_{number}/Conv2D"
    layers = [o.layer for o in Graph(graph.pack(), "numbered").operations if o.kind == "CONV_2D"]
    assert layers == [f"conv2d_{number}" for number in range(15)]


def test_a_batch_that_may_vary_changes_no_size():
    graph = Graph(read_model(SHIPPED).graph, "shipped")
    expected = arena_bytes(graph)
    for table in graph.main.tensors:
        table.shapeSignature = [-1, *list(table.shape)[1:]]
    again = Graph(graph.pack(), "free")
    assert again.inputs[0].free == (0,)
    assert again.inputs[0].shape == (1, 48, 48, 1)
    assert arena_bytes(again) == expected


def test_an_input_without_one_code_for_each_pixel_value_is_rejected(cnn_model):
    runs = [[np.full((1, 48, 48, 1), 100, np.float32) + i] for i in range(4)]
    ranges = activation_ranges(cnn_model.graph, lambda: iter(runs), len(runs), (0.0, 1.0))
    with pytest.raises(ModelError, match="expected INT8, 1 and -128"):
        quantize_graph(cnn_model.graph, "int8", ranges)


def test_blazeface_gets_a_signature_and_whole_weights(weights):
    content = read_weights("blazeface-short")
    graph = Graph(content, "blazeface")
    assert not graph.model.signatureDefs
    # Its operations are named in the old field of eight bits.
    assert {o.kind for o in graph.operations} >= {"CONV_2D", "DEPTHWISE_CONV_2D"}
    ensure_signature(graph)
    assert "serving_default" in load_interpreter(graph.pack(), 1, "signed").get_signature_list()
    whole = prepare_for_quantizer(content)
    assert {t.dtype for t in Graph(whole, "whole").tensors if t.constant is not None and t.is_float} == {"FLOAT32"}
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    answers = []
    for each in (content, whole):
        interpreter = load_interpreter(each, 1, "x")
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert answers[0] == pytest.approx(answers[1], abs=1e-3)


def test_bytes_that_are_no_graph():
    with pytest.raises(ModelError, match=r"is not a \.tflite"):
        Graph(b"nonsense", "x")
    with pytest.raises(ModelError, match="is damaged: its tables cannot be read"):
        Graph(b"\x18\x00\x00\x00TFL3" + b"\xff" * 40, "x")
