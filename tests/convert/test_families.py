"""The ImageNet families: their normalization, and DenseNet in int8.

tests/train/recipes/test_every_recipe.py converts all.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.system.processes import python_environment
from tests.commands import run_mien

#: In a process of its own: a DenseNet-121 takes half a gigabyte.
_FIT_DENSENET = """
import sys
import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from edge.datasets import load_dataset
from train.models import build_model
from train.models.last_layer import LOGITS

data, out = sys.argv[1:]
keras.utils.set_random_seed(0)
model = build_model("densenet121", 7, {"dense": [], "dropout": []})
for layer in model._flatten_layers():
    if isinstance(layer, keras.layers.BatchNormalization):
        # The moving averages arrive after a few batches.
        layer.momentum = 0.5
faces = load_dataset(data, ("Training",))["Training"]
pixels = faces.images[..., None].astype(np.float32)
for batch in np.array_split(pixels, 6):
    model(batch, training=True)
# Only the last layer is fitted: to train the 400 before it would take minutes, and they need not be good.
logits = model.get_layer(LOGITS)
backbone = keras.Model(model.input, logits.input)
features = np.concatenate([backbone(batch) for batch in np.array_split(pixels, 3)])
mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
fitted = LogisticRegression(C=0.1, max_iter=2000).fit((features - mean) / deviation, faces.class_ids)
kernel = fitted.coef_.T / deviation[:, None]
logits.set_weights([kernel, fitted.intercept_ - mean @ kernel])
model.save(out)
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_densenet_still_knows_seven_classes_in_int8(made_csv, tmp_path):
    """It is known to answer one class after post-training int8 elsewhere."""
    command = [sys.executable, "-P", "-c", _FIT_DENSENET, str(made_csv), str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, env=python_environment())
    assert done.returncode == 0, done.stderr
    out = tmp_path / "densenet121-int8.tflite"
    done = run_mien("quantize", tmp_path / "model.keras", "--data", made_csv, "--out", out, "--samples", 70,
                "--keep-rejected", module="convert", timeout=800)  # fmt: skip
    # A face or two more than the limits allow may change; then the model is rejected and kept.
    if done.code:
        assert "int8 is rejected" in done.error_line()
        out = out.with_name("densenet121-int8-rejected.tflite")
    assert Graph(read_model(out).graph, "densenet121").float_tensors() == []
    proof = json.loads(out.with_name(f"{out.stem}-proof.json").read_text())
    assert proof["passed"] == (done.code == 0)
    measured = proof["measured"]
    # By chance it would be a seventh.
    assert measured["before"]["accuracy"] > 0.4
    # How many faces change depends on the processor.
    assert measured["after"]["accuracy"] > measured["before"]["accuracy"] - 0.15
    assert all(sum(column) > 0 for column in zip(*measured["after"]["confusion"], strict=True))


@pytest.mark.parametrize("architecture", ["vgg16", "resnet50", "densenet121"])
def test_normalization_is_the_one_with_which_the_family_was_published(keras, architecture):
    from train.models import build_model

    model = build_model(architecture, 7, {"input_size": 96} if architecture == "resnet50" else {})
    assert model.input_shape == (None, 48, 48, 1)
    normalize = keras.Model(model.input, model.get_layer("normalize").output)
    gray = np.full((1, 48, 48, 1), 200, np.float32)
    module = {"vgg16": "vgg16", "resnet50": "resnet50", "densenet121": "densenet"}[architecture]
    expected = getattr(keras.applications, module).preprocess_input(np.repeat(gray, 3, axis=3).copy())
    found = np.asarray(normalize(gray))
    assert found[0, 5, 5] == pytest.approx(expected[0, 5, 5], rel=1e-5)
    assert not model.get_layer("normalize").trainable
    if architecture == "resnet50":
        assert found.shape == (1, 96, 96, 3)


def test_a_face_is_enlarged_by_whole_numbers_only(keras):
    from edge.errors import DataError
    from train.models import build_model

    with pytest.raises(DataError, match="expected a multiple of 48"):
        build_model("vgg16", 7, {"input_size": 100})
    with pytest.raises(DataError, match="expected the same number"):
        build_model("densenet121", 7, {"dense": [8]})
