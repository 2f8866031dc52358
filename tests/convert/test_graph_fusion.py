"""Fusion: the same scores in float, and one XNNPACK partition in int8."""

import numpy as np
import pytest

from convert.analysis.activation_ranges import activation_ranges
from convert.float_model import load_float_model
from convert.graph_edit import prepare_for_quantizer
from convert.graph_fusion import fuse
from convert.quantization import quantize_graph
from convert.targets import delegation
from edge.detection.weights import read_weights
from edge.inference.contract import FER2013_LABELS
from edge.inference.flatbuffer import Graph, schema
from edge.inference.litert import load_interpreter
from edge.inference.model_card import ModelCard, read_parts, write_model


def outputs_of(content, inputs):
    interpreter = load_interpreter(content, 1, "x")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def unfused(content):
    """The graph as converters of other frameworks write it: each activation an operation of its own, and a reshape to
    the same shape behind each."""
    tables, graph = schema(), Graph(content, "fused")
    kinds = tables.ActivationFunctionType
    for kind in ("RELU", "RELU6", "RESHAPE"):
        code = tables.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(tables.BuiltinOperator, kind)
        code.version = 1
        graph.model.operatorCodes.append(code)
    relu, relu6, reshape = (len(graph.model.operatorCodes) - n for n in (3, 2, 1))
    operators = []

    def behind(output, code):
        """Move what is read from `output` behind a new operation, and return what that one reads."""
        tensor = tables.TensorT()
        old = graph.main.tensors[output]
        tensor.name = f"before_{len(graph.main.tensors)}"
        tensor.type, tensor.shape, tensor.buffer = old.type, list(old.shape), 0
        graph.main.tensors.append(tensor)
        new = tables.OperatorT()
        new.opcodeIndex, new.inputs, new.outputs = code, [len(graph.main.tensors) - 1], [output]
        return new.inputs[0], new

    for operation in graph.operations:
        table = graph.main.operators[operation.index]
        operators.append(table)
        options = table.builtinOptions
        activation = getattr(options, "fusedActivationFunction", kinds.NONE)
        if activation in (kinds.RELU, kinds.RELU6):
            options.fusedActivationFunction = kinds.NONE
            source, first = behind(operation.outputs[0].index, relu if activation == kinds.RELU else relu6)
            table.outputs = [source]
            operators.append(first)
            middle, second = behind(operation.outputs[0].index, reshape)
            first.outputs = [middle]
            second.builtinOptionsType, second.builtinOptions = (
                tables.BuiltinOptions.ReshapeOptions,
                tables.ReshapeOptionsT(),
            )
            second.builtinOptions.newShape = list(operation.outputs[0].shape)
            operators.append(second)
    graph.main.operators = operators
    return graph.pack()


def network(keras):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    pixels = keras.Input((48, 48, 1))
    x = layers.Conv2D(8, 3, 2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(pixels))
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    y = layers.Conv2D(8, 1, activation="relu")(layers.ZeroPadding2D(0)(y))
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Conv2D(12, 3, activation="relu")(layers.ZeroPadding2D(1)(x))
    # The padding of PyTorch: not that of SAME with stride 2.
    x = layers.Conv2D(12, 3, 2, activation="relu")(layers.ZeroPadding2D(1)(x))
    x = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, layers.Softmax()(layers.Dense(7)(x)))


@pytest.fixture
def foreign(keras, tensorflow, tmp_path):
    """A float .tflite with separate activations, and the graph that it was made of."""
    network(keras).export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    content = tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert()
    content = prepare_for_quantizer(content)
    path = tmp_path / "foreign.tflite"
    card = ModelCard(name="foreign", labels=FER2013_LABELS, crop_margin=0.17, input_range=(0.0, 255.0))
    write_model(path, unfused(content), card)
    return path


def int8(content):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (8, 1, 48, 48, 1)).astype(np.float32)
    ranges = activation_ranges(content, lambda: iter([image] for image in images), len(images), (0.0, 255.0))
    return quantize_graph(content, "int8", ranges)


@pytest.mark.slow
def test_a_foreign_graph_becomes_one_partition(foreign):
    before, _ = read_parts(foreign)
    kinds = [operation.kind for operation in Graph(before, "before").operations]
    assert kinds.count("RELU") + kinds.count("RELU6") == 7
    model = load_float_model(foreign)
    assert {"RELU", "RELU6", "RESHAPE", "PAD"} >= model.fused.keys() >= {"RELU", "RELU6", "RESHAPE"}
    left = [operation.kind for operation in Graph(model.graph, "after").operations]
    assert not {"RELU", "RELU6", "RESHAPE"} & set(left)
    # Of the two paddings by one, the one with stride 2 stays.
    assert left.count("PAD") == 1
    image = np.random.default_rng(1).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    for a, b in zip(outputs_of(before, image), outputs_of(model.graph, image), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    split, whole = delegation(int8(prepare_for_quantizer(before)), "split"), delegation(int8(model.graph), "whole")
    assert split.is_split
    assert "RELU" in {each.operation.kind for each in split.left}
    assert whole.partitions == 1
    assert not whole.is_split
    assert {each.operation.kind for each in whole.left} <= {"QUANTIZE", "SOFTMAX"}


def test_blazefaces_activations_are_fused(weights):
    before = prepare_for_quantizer(read_weights("blazeface"))
    after, fused = fuse(before)
    assert fused == {"RELU": 47}
    graph = Graph(after, "after")
    assert len(graph.operations) == len(Graph(before, "before").operations) - 47
    # The names of the layers stay, so that --keep-float finds them.
    kept = {operation.layer for operation in Graph(before, "before").operations if operation.kind == "CONV_2D"}
    assert kept <= {operation.layer for operation in graph.operations}
    pixels = np.random.default_rng(0).uniform(-1, 1, graph.inputs[0].shape).astype(np.float32)
    for a, b in zip(outputs_of(before, pixels), outputs_of(after, pixels), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_nothing_to_fuse_leaves_the_bytes(weights):
    after, _ = fuse(prepare_for_quantizer(read_weights("blazeface")))
    assert fuse(after) == (after, {})


def test_an_activation_with_two_readers_of_its_input_stays(keras, tensorflow, tmp_path):
    pixels = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, padding="same")(pixels)
    model = keras.Model(pixels, keras.layers.Concatenate()([x, keras.layers.ReLU()(x)]))
    model.export(tmp_path, format="tf_saved_model", verbose=False)
    content = prepare_for_quantizer(tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path)).convert())
    assert "RELU" in [operation.kind for operation in Graph(content, "x").operations]
    assert fuse(content) == (content, {})
