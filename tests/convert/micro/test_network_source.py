"""The network in plain C gives the codes of TensorFlow Lite for Microcontrollers, for every operator that it has."""

import numpy as np
import pytest

from convert.micro.model_source import model_source
from convert.micro.network_source import NotPortableError, network_source
from convert.micro.quantized_math import mean_multiplier, quantize_multiplier
from convert.micro.tensor_memory import plan_memory
from convert.micro.tflm import run_tflm
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.inference.shipped_models import shipped_models
from tests.convert.micro.compiling import compile_library, copied_source, run_network


def codes_in_c(path, folder, faces):
    model = read_model(path)
    graph = Graph(model.graph, str(path))
    source = model_source(graph, model.graph, model.card, 0)
    network = network_source(graph, model.graph)
    copied_source(folder, mien_model_h=source.header, mien_model_c=source.text, mien_network_c=network.text)
    return run_network(compile_library(folder), faces, len(model.card.labels))


@pytest.mark.parametrize("path", shipped_models(), ids=lambda path: path.stem)
def test_shipped_models_give_the_same_codes(path, tmp_path, some_faces):
    faces = some_faces[:: 1 if "nano" in path.stem else 3]
    expected = run_tflm(read_model(path).graph, faces, path.name).codes
    assert len(np.unique(expected, axis=0)) > len(faces) // 2
    np.testing.assert_array_equal(codes_in_c(path, tmp_path / "src", faces), expected)


@pytest.fixture(scope="module")
def many_operators(keras, invoke, made_csv, tmp_path_factory):
    """A network with each operator that the kernels have, in several forms."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    pixels = keras.Input((48, 48, 1))
    x = layers.Rescaling(1 / 127.5, -1)(pixels)
    x = layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
    x = layers.Conv2D(8, (3, 5), (2, 1), padding="same", activation="relu6")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu")(x)
    a = layers.Conv2D(12, 3, padding="same", dilation_rate=2)(x)
    b = layers.Conv2D(12, 1, use_bias=False)(x)
    x = layers.Add()([a, b])
    x = layers.ReLU()(x)
    c = layers.MaxPooling2D(3, 2, padding="same")(x)
    d = layers.AveragePooling2D(3, 2, padding="same")(x)
    x = layers.Concatenate()([c, d])
    x = layers.Conv2D(8, 3, 2, groups=2, activation="relu")(x)
    gate = layers.Conv2D(16, 1, activation="relu6")(
        layers.GlobalAveragePooling2D(keepdims=True)(layers.Concatenate()([x, x]))
    )
    x = layers.Multiply()([layers.Concatenate()([x, x]), gate])
    e = layers.Flatten()(layers.AveragePooling2D(4)(x))
    f = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(16, activation="relu")(layers.Concatenate()([e, f]))
    spread = keras.initializers.RandomNormal(0, 20)
    x = layers.Dense(7, use_bias=False, kernel_initializer=spread)(x)
    model = keras.Model(pixels, layers.Softmax()(x), name="many_operators")
    folder = tmp_path_factory.mktemp("many")
    model.save(folder / "many.keras")
    done = invoke("quantize", folder / "many.keras", "--data", made_csv, "--out", folder / "many.tflite",
                  "--samples", 70, "--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0,
                  "--min-above-chance", -100,
                  module="convert")  # fmt: skip
    assert done.code == 0, done.err
    return folder / "many.tflite"


@pytest.mark.slow
def test_every_operator_gives_the_same_codes(many_operators, tmp_path, some_faces):
    model = read_model(many_operators)
    kinds = {operation.kind for operation in Graph(model.graph, "many").operations}
    assert kinds >= {"MUL", "PAD", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD", "MAX_POOL_2D", "AVERAGE_POOL_2D",
                     "CONCATENATION", "MEAN", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX", "QUANTIZE"}  # fmt: skip
    expected = run_tflm(model.graph, some_faces, "many").codes
    assert len(np.unique(expected, axis=0)) > 10
    np.testing.assert_array_equal(codes_in_c(many_operators, tmp_path / "src", some_faces), expected)


def test_an_operator_that_the_kernels_lack_is_named(renamed_operator):
    path = renamed_operator("ADD", "MAXIMUM")
    model = read_model(path)
    with pytest.raises(NotPortableError, match=r"^MAXIMUM \(layer "):
        network_source(Graph(model.graph, "graph"), model.graph)


def test_tensors_that_live_at_the_same_time_do_not_overlap():
    for path in shipped_models():
        graph = Graph(read_model(path).graph, path.name)
        plan = plan_memory(graph)
        lives = {}
        for operation in graph.operations:
            for tensor in (*operation.inputs, *operation.outputs):
                if tensor.index in plan.offsets:
                    first, *_ = lives.get(tensor.index, (operation.index, 0, 0))
                    lives[tensor.index] = first, operation.index, tensor.size_bytes
        ranges = [(plan.offsets[i], plan.offsets[i] + size, first, last) for i, (first, last, size) in lives.items()]
        assert len(ranges) > 5
        for i, (low, high, first, last) in enumerate(ranges):
            assert high <= plan.size_bytes
            for other_low, other_high, other_first, other_last in ranges[:i]:
                assert high <= other_low or other_high <= low or last < other_first or other_last < first


def test_multipliers():
    assert quantize_multiplier(0.5) == (1 << 30, 0)
    assert quantize_multiplier(1.0) == (1 << 30, 1)
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)
    # Rounded up to 1: the next power.
    assert quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)
    for real, count in ((0.7, 9), (1.3, 36), (0.01, 144)):
        multiplier, shift = mean_multiplier(real, count)
        assert multiplier * 2.0 ** (shift - 31) == pytest.approx(real / count, rel=1e-6)
