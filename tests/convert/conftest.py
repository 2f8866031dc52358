import numpy as np
import pytest

from convert.float_model import load_float_model
from edge.datasets import load_dataset
from tests.commands import invoke_mien
from tests.sharing import shared

#: Tests that need one of these convert a model, or wait for one to be converted.
_CONVERTS = {"tensorflow", "keras", "cnn_run", "cnn_model", "small_model", "quantized"}


def pytest_collection_modifyitems(items):
    for item in items:
        if _CONVERTS & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def mien():
    """The command in this process: a process of its own needs nine seconds to import Keras and TensorFlow."""
    return invoke_mien


@pytest.fixture(scope="session")
def tensorflow():
    from convert.tensorflow_import import import_tensorflow

    return import_tensorflow()


@pytest.fixture(scope="session")
def keras(tensorflow):
    """Keras on TensorFlow; imported when a test needs it, because that takes seconds."""
    import keras

    return keras


@pytest.fixture(scope="session")
def quantized(invoke, cnn_run, made_csv, tmp_path_factory):
    """The textbook network in int8, with its proof beside it."""

    def quantize(folder):
        done = invoke("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", folder / "cnn-int8.tflite",
                      "--samples", 70, "--max-drop", 5, "--max-class-drop", 50, "--min-agreement", 80,
                      "--min-above-chance", -100,
                      module="convert")  # fmt: skip
        assert done.code == 0, done.err
        assert "same answer on" in done.out

    return shared(tmp_path_factory, "quantized", quantize) / "cnn-int8.tflite"


@pytest.fixture(scope="session")
def cnn_model(tensorflow, cnn_run):
    """The textbook network as a float model."""
    return load_float_model(cnn_run / "model.keras")


@pytest.fixture(scope="session")
def made_faces(made_csv):
    return load_dataset(made_csv, ("Training", "PublicTest"))


@pytest.fixture(scope="session")
def small_model(keras):
    """A tiny network, `build(classes)`, for tests that need no training."""

    def build(classes: int = 7, weights: float | None = None):
        keras.utils.set_random_seed(0)
        pixels = keras.Input((48, 48, 1))
        x = keras.layers.Rescaling(1 / 255)(pixels)
        x = keras.layers.Conv2D(4, 3, 2, activation="relu", name="stem")(x)
        x = keras.layers.Conv2D(6, 3, 2, activation="relu", name="second")(x)
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        model = keras.Model(pixels, keras.layers.Softmax()(keras.layers.Dense(classes, name="logits")(x)), name="small")
        if weights is not None:
            kernel, bias = model.get_layer("stem").get_weights()
            model.get_layer("stem").set_weights([np.full_like(kernel, weights), bias])
        return model

    return build
