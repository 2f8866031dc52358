"""Networks of other sizes, channels and ranges of values: the contract's input by a layer in the graph."""

import json

import numpy as np
import pytest

from convert.float_model import load_float_model
from edge.errors import ModelError, WrongUseError
from edge.inference.classifier import Classifier
from edge.inference.contract import FER2013_LABELS
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.inference.pixel_mapping import PixelMapping

IMAGENET = PixelMapping.of(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LENIENT = ("--max-drop", 5, "--max-class-drop", 100, "--min-agreement", 80, "--min-above-chance", -100, "--samples", 70)


def network(keras, shape):
    keras.utils.set_random_seed(0)
    values = keras.Input(shape)
    x = keras.layers.Conv2D(6, 3, 2, padding="same", activation="relu")(values)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, 2, activation="relu")(x))
    return keras.Model(values, keras.layers.Dense(7, activation="softmax")(x))


@pytest.mark.parametrize(
    ("shape", "mapping"),
    [
        ((48, 48, 1), PixelMapping.of((0, 1))),
        ((64, 64, 1), PixelMapping.of((-1, 1))),
        ((48, 48, 3), None),
        ((96, 96, 3), IMAGENET),
        ((64, 64, 3), PixelMapping.of((0, 255), (103.939, 116.779, 123.68))),
    ],
)
def test_the_graph_takes_gray_pixels_and_scores_as_keras_does(keras, made_faces, tmp_path, shape, mapping):
    model = network(keras, shape)
    model.save(tmp_path / "x.keras")
    source = load_float_model(tmp_path / "x.keras", mapping)
    assert source.input_shape == (1, *shape[:2], 1)
    images = made_faces["PublicTest"].images[:6]
    # Padding stays where it was: around the values, not around the pixels.
    assert source.graph_scores(images) == pytest.approx(source.scores(images), abs=1e-4)
    values = (mapping or PixelMapping()).values(images, shape)
    assert source.scores(images) == pytest.approx(np.asarray(model(values)), abs=1e-5)
    assert source.check_folding(images) < 1e-4


def test_a_saved_model_of_another_shape(keras, made_faces, tmp_path):
    model = network(keras, (64, 64, 3))
    model.export(tmp_path / "saved", verbose=False)
    source = load_float_model(tmp_path / "saved", IMAGENET)
    images = made_faces["PublicTest"].images[:6]
    expected = np.asarray(model(IMAGENET.values(images, (64, 64, 3))))
    assert source.scores(images) == pytest.approx(expected, abs=1e-5)
    assert source.graph_scores(images) == pytest.approx(expected, abs=1e-4)


def test_a_color_tflite_takes_gray_pixels_once_it_is_converted(keras, tensorflow, mien, made_csv, tmp_path):
    model = network(keras, (64, 64, 3))
    model.export(tmp_path / "saved", verbose=False)
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    side = {"name": "foreign", "labels": FER2013_LABELS, "input_shape": [1, 64, 64, 3], "input_range": [-1, 1],
            "resize": "contract"}  # fmt: skip
    foreign.with_suffix(".json").write_text(json.dumps(side))
    out = tmp_path / "foreign-int8.tflite"
    done = mien("quantize", foreign, "--data", made_csv, "--out", out, *LENIENT, module="convert")
    assert done.code == 0, done.err
    file = read_model(out)
    assert (file.card.input_range, file.card.input_shape) == (None, (1, 64, 64, 1))
    assert Graph(file.graph, "x").float_tensors() == []
    face = np.random.default_rng(0).integers(0, 256, (80, 80)).astype(np.uint8)
    assert Classifier(out).scores(face) == pytest.approx(Classifier(foreign).scores(face), abs=0.02)


@pytest.fixture(scope="module")
def scaled_outside(keras, made_faces, tmp_path_factory):
    """A network that was trained on pixels divided by 255, as in every second notebook."""
    keras.utils.set_random_seed(0)
    values = keras.Input((48, 48, 1))
    # Of brighter pixels than 1 nothing is left. Other networks hardly notice the scale of faces that are this easy.
    x = keras.layers.ReLU()(keras.layers.Multiply()([values, keras.layers.Rescaling(-1.0, 1.0)(values)]))
    x = keras.layers.Conv2D(8, 5, 3, activation="relu")(x)
    x = keras.layers.Flatten()(keras.layers.Conv2D(8, 3, 2, activation="relu")(x))
    model = keras.Model(values, keras.layers.Dense(7, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    training = made_faces["Training"]
    history = model.fit(training.images[..., None] / 255.0, training.class_ids, epochs=30, batch_size=16, verbose=0)
    assert history.history["accuracy"][-1] > 0.8
    path = tmp_path_factory.mktemp("scaled") / "scaled.keras"
    model.save(path)
    return path


def test_a_network_on_the_wrong_range_is_an_error_that_names_the_right_one(mien, scaled_outside, made_csv, tmp_path):
    out = tmp_path / "x.tflite"
    done = mien("quantize", scaled_outside, "--data", made_csv, "--out", out, "--samples", 70, module="convert")
    assert done.code == 1
    line = done.error_line()
    assert "was trained on other values than these" in line
    assert "are right with --input-range 0 255," in line
    assert line.endswith("give --input-range 0 1")
    assert list(tmp_path.iterdir()) == []


def test_the_right_range_passes_and_the_file_has_the_contracts_input(mien, scaled_outside, made_csv, tmp_path):
    out, proof = tmp_path / "x.tflite", tmp_path / "proof.json"
    done = mien("quantize", scaled_outside, "--data", made_csv, "--out", out, "--input-range", 0, 1, *LENIENT,
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
    assert read_model(out).card.input_range is None
    assert Classifier(out).card.measured["before"]["accuracy"] > 0.5
    arguments = ("verify", out, "--data", made_csv, "--reference", scaled_outside, *LENIENT[:-2], "--json", proof)
    done = mien(*arguments, "--input-range", 0, 1, module="convert")
    assert done.code == 0, done.err
    assert json.loads(proof.read_text())["measured"]["agreement"] > 0.9
    # Forgotten, it is the same error.
    assert "give --input-range 0 1" in mien(*arguments, module="convert").error_line()


def test_a_stated_range_that_reads_far_fewer_faces_is_a_warning(mien, scaled_outside, made_csv, tmp_path):
    done = mien("quantize", scaled_outside, "--data", made_csv, "--out", tmp_path / "x.tflite", *LENIENT[:-2],
                "--samples", 70, "--input-range", 0, 255, module="convert")  # fmt: skip
    assert "seems to have been trained on other values" in done.err


def test_evaluate_has_the_same_option_and_warns(mien, scaled_outside, made_csv):
    wrong = mien("evaluate", scaled_outside, "--data", made_csv, "--json", module="train")
    assert wrong.code == 0, wrong.err
    assert "seems to have been trained on other values" in wrong.err
    right = mien("evaluate", scaled_outside, "--data", made_csv, "--json", "--input-range", 0, 1, module="train")
    assert right.code == 0
    assert "trained on other values" not in right.err
    accuracy = [json.loads(done.out)["scores"]["accuracy"] for done in (wrong, right)]
    assert accuracy[1] > accuracy[0] + 0.2


def test_benchmark_has_the_same_option_and_warns(mien, scaled_outside, made_csv, quantized):
    arguments = ("benchmark", scaled_outside, "--data", made_csv, "--rounds", 1, "--json")
    wrong, right = (json.loads(mien(*arguments, *options).out) for options in ((), ("--input-range", 0, 1)))
    accuracies = [results["models"][0]["accuracy"]["accuracy"]["value"] for results in (wrong, right)]
    assert accuracies[1] > 0.5 > 0.3 > accuracies[0]
    warning = "reads hardly more faces than guessing would"
    assert [any(warning in line for line in results["marks"]) for results in (wrong, right)] == [True, False]
    done = mien("benchmark", quantized, "--data", made_csv, "--input-range", 0, 1)
    assert done.code == 2
    assert "--input-range 0 1 is for .keras and .h5 files" in done.error_line()


def test_errors_about_the_mapping_are_one_line(keras, mien, scaled_outside, made_csv, tmp_path):
    with pytest.raises(WrongUseError, match="--input-mean has 3 values, the network takes 1 channel"):
        load_float_model(scaled_outside, IMAGENET)
    done = mien("quantize", scaled_outside, "--data", made_csv, "--out", tmp_path / "x.tflite", "--input-range", 1, 0,
                module="convert")  # fmt: skip
    assert done.code == 2
    assert "--input-range is 1 0: expected the value of black, then a greater one" in done.error_line()
    done = mien("quantize", scaled_outside, "--frames", tmp_path, "--out", tmp_path / "x.tflite", "--input-mean", "0.5",
                module="convert")  # fmt: skip
    assert done.code == 2
    assert "--input-mean and --input-std belong to --data" in done.error_line()
    network(keras, (48, 64, 1)).save(tmp_path / "oblong.keras")
    with pytest.raises(ModelError, match="square and of a fixed size"):
        load_float_model(tmp_path / "oblong.keras")
