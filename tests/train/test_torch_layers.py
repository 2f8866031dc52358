"""Batch normalisation and convolution in PyTorch's own way: the same numbers as Keras' layers give."""

import subprocess
import sys

import pytest

from tests.conftest import backend_environment

SAME_AS_KERAS = """
import keras, numpy as np, torch
from train.torch_layers import torch_layers
from train.models import build_model
keras.utils.set_random_seed(0)
plain = build_model("mien", 7, {"widths": [8, 16], "blocks": 1})
faster = torch_layers(plain)
assert {type(l).__module__ for l in faster.layers if l.name.endswith(("_bn", "_conv1"))} == {"train.torch_layers"}
pixels = np.random.default_rng(0).integers(0, 256, (16, 48, 48, 1)).astype(np.float32)
targets = np.eye(7, dtype=np.float32)[np.arange(16) % 7]
for model in (plain, faster):
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "categorical_crossentropy")
    for _ in range(3):
        model.train_on_batch(pixels, targets)
for a, b in zip(plain.weights, faster.weights, strict=True):
    assert a.path == b.path
    np.testing.assert_allclose(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), rtol=1e-3, atol=1e-4)
np.testing.assert_allclose(plain.predict(pixels, verbose=0), faster.predict(pixels, verbose=0), rtol=1e-3, atol=1e-4)
print("the same")
"""

CONVOLUTIONS_SAME_AS_KERAS = """
import itertools, keras, numpy as np, torch
from train.torch_layers import torch_layers
random = np.random.default_rng(0)
cases = itertools.product((1, 3, 4, 5), (1, 2, 3), (1, 2), ("same", "valid"), (0, 1))
for size, kernel, stride, padding, bias in cases:
    if padding == "valid" and kernel > size:
        continue
    layer = keras.layers.Conv2D(6, kernel, stride, padding=padding, use_bias=bool(bias), activation="relu",
                                bias_initializer="normal")
    plain = keras.Sequential([keras.Input((size, size, 5)), layer])
    faster = torch_layers(plain)
    assert type(faster.layers[0]).__module__ == "train.torch_layers"
    maps = torch.tensor(random.normal(size=(2, size, size, 5)).astype(np.float32))
    answers, gradients = [], []
    for model in (plain, faster):
        answers.append(model(maps))
        (answers[-1] ** 2).sum().backward()
        gradients.append([w.value.grad for w in model.trainable_weights])
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-5)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
print("the same")
"""


@pytest.fixture(scope="module")
def torch_environment():
    return backend_environment("torch")


@pytest.mark.parametrize("script", [SAME_AS_KERAS, CONVOLUTIONS_SAME_AS_KERAS], ids=["training", "convolutions"])
def test_the_numbers_are_those_of_keras_own_layers(torch_environment, script):
    prefix, environment = torch_environment
    done = subprocess.run(
        [sys.executable, "-c", prefix + script], capture_output=True, text=True, env=environment, timeout=240
    )
    assert "the same" in done.stdout, done.stderr


def test_other_backends_keep_keras_own_layers():
    from train.models import build_model
    from train.torch_layers import torch_layers

    model = build_model("mien", 7, {"widths": [8], "blocks": 1})
    assert torch_layers(model) is model
