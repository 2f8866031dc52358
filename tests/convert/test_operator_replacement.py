"""Operations that no quantizer has in int8, by others."""

import numpy as np
import pytest

from convert.float_model import load_float_model
from convert.operator_replacement import replace_operators
from edge.inference.flatbuffer import Graph


def test_a_graph_without_such_operations_stays_as_it_is(cnn_model):
    assert replace_operators(cnn_model.graph) is cnn_model.graph


def test_layer_normalization_has_no_operation_left_that_int8_lacks(keras, tensorflow, made_faces, tmp_path):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(8, 8, 8)(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.LayerNormalization()(x))
    x = keras.layers.Lambda(lambda t: tensorflow.square(t))(x)
    model = keras.Model(pixels, keras.layers.Dense(7, activation="softmax")(x))
    model.export(tmp_path / "saved", verbose=False)
    converted = tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert()
    before = [operation.kind for operation in Graph(converted, "x").operations]
    assert {"NEG", "SQUARE"} <= set(before)
    source = load_float_model(tmp_path / "saved")
    after = [operation.kind for operation in Graph(source.graph, "x").operations]
    assert not {"NEG", "SQUARE"} & set(after)
    images = made_faces["PublicTest"].images[:6]
    expected = np.asarray(model(images[..., None].astype(np.float32)))
    assert source.graph_scores(images) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("activation", ["elu", "selu", "softplus", "mish"])
def test_activations_have_the_same_values_by_operations_that_int8_has(
    keras, tensorflow, made_faces, tmp_path, activation
):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((48, 48, 1))
    # Sums from -20 to 20, so that an exponential would need a range of 5e8.
    x = keras.layers.Conv2D(6, 5, 3, kernel_initializer=keras.initializers.RandomNormal(stddev=2.0))(
        keras.layers.Rescaling(1 / 255)(pixels)
    )
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Activation(activation, name="curve")(x))
    model = keras.Model(pixels, keras.layers.Dense(7, activation="softmax")(x))
    model.export(tmp_path / "saved", verbose=False)
    converted = Graph(tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert(), "x")
    assert {"ELU", "EXP"} & {operation.kind for operation in converted.operations}
    source = load_float_model(tmp_path / "saved")
    images = made_faces["PublicTest"].images[:20]
    assert source.graph_scores(images) == pytest.approx(source.scores(images), abs=1e-5)
    operations = Graph(source.graph, "x").operations
    assert not {"ELU"} & {operation.kind for operation in operations}
    # They belong to the layer whose activation they are.
    new = [operation.layer for operation in operations if operation.kind in ("EXP", "ABS", "LOG")]
    assert set(new) == {"curve"}


def test_a_logarithm_of_another_sum_stays(keras, tensorflow, made_faces, tmp_path):
    pixels = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(6, 5, 3)(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.GlobalAveragePooling2D()(keras.ops.log(keras.ops.exp(x) + 2.0))
    model = keras.Model(pixels, keras.layers.Dense(7, activation="softmax")(x))
    model.export(tmp_path / "saved", verbose=False)
    kinds = [operation.kind for operation in Graph(load_float_model(tmp_path / "saved").graph, "x").operations]
    assert {"EXP", "LOG"} <= set(kinds)
