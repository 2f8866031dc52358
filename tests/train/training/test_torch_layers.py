"""Layers and averaged weights in PyTorch's own way: the same numbers as Keras gives."""

import json
import subprocess
import sys

import pytest

from tests.conftest import backend_environment

#: PyTorch runs in a process of its own.
pytestmark = [pytest.mark.slow, pytest.mark.long]

SAME_AS_KERAS = """
import keras, numpy as np, torch
from train.training.torch_layers import torch_layers
from train.models import build_model

keras.utils.set_random_seed(0)
plain = build_model("mien", 7, {"widths": [8, 16], "blocks": 1})
faster = torch_layers(plain)
modules = {type(l).__module__ for l in faster.layers if l.name.endswith(("_bn", "_conv1"))}
assert modules == {"train.training.torch_layers"}
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
"""

CONVOLUTIONS_SAME_AS_KERAS = """
import itertools, keras, numpy as np, torch
from train.training.torch_layers import torch_layers
random = np.random.default_rng(0)
cases = itertools.product((1, 3, 4, 5), (1, 2, 3), (1, 2), ("same", "valid"), (0, 1))
for size, kernel, stride, padding, bias in cases:
    if padding == "valid" and kernel > size:
        continue
    layer = keras.layers.Conv2D(6, kernel, stride, padding=padding, use_bias=bool(bias), activation="relu",
                                bias_initializer="normal")
    plain = keras.Sequential([keras.Input((size, size + 1, 5)), layer])
    faster = torch_layers(plain)
    assert type(faster.layers[0]).__module__ == "train.training.torch_layers"
    maps = torch.tensor(random.normal(size=(2, size, size + 1, 5)).astype(np.float32))
    answers, gradients = [], []
    for model in (plain, faster):
        answers.append(model(maps))
        (answers[-1] ** 2).sum().backward()
        gradients.append([w.value.grad for w in model.trainable_weights])
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-5)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
"""

DEPTHWISE_SAME_AS_KERAS = (
    CONVOLUTIONS_SAME_AS_KERAS.replace(
        "keras.layers.Conv2D(6, kernel", "keras.layers.DepthwiseConv2D(kernel, depth_multiplier=kernel % 2 + 1, strides"
    ).replace("strides, stride,", "strides=stride,")
    + """
half = keras.layers.DepthwiseConv2D(5, padding="same", dtype="mixed_bfloat16")
faster = torch_layers(keras.Sequential([keras.Input((6, 6, 3)), half]))
assert faster(torch.ones(1, 6, 6, 3)).dtype == torch.bfloat16
"""
)

POOLING_SAME_AS_KERAS = """
import itertools, keras, torch
from train.training.torch_layers import torch_layers
for size, pool, stride, padding in itertools.product((12, 13), (2, 3), (None, 1, 2), ("same", "valid")):
    plain = keras.Sequential([keras.Input((size, size + 1, 5)), keras.layers.MaxPooling2D(pool, stride, padding)])
    faster = torch_layers(plain)
    assert type(faster.layers[0]).__module__ == "train.training.torch_layers"
    maps = torch.randn(3, size, size + 1, 5)
    answers, gradients = [], []
    for model in (plain, faster):
        pixels = maps.clone().requires_grad_()
        answers.append(model(pixels))
        (answers[-1] ** 2).sum().backward()
        gradients.append(pixels.grad)
    torch.testing.assert_close(*answers, rtol=0, atol=0)
    torch.testing.assert_close(*gradients, rtol=0, atol=0)
"""

DROPOUT_AS_KERAS_DEFINES_IT = """
import keras, torch
from train.training.torch_layers import torch_layers
ones = torch.ones(500, 47, 3)
for rate in (0.1, 0.35, 0.5):
    faster = torch_layers(keras.Sequential([keras.Input((47, 3)), keras.layers.Dropout(rate)]))
    assert type(faster.layers[0]).__module__ == "train.training.torch_layers"
    draws = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        draws.append(faster(ones, training=True))
    first, again, other = draws
    assert torch.equal(first, again) and not torch.equal(first, other)
    # 70,500 values: three standard deviations are 0.006 at most.
    assert abs((first == 0).float().mean().item() - rate) < 0.006
    torch.testing.assert_close(first[first > 0].unique(), torch.tensor([1 / (1 - rate)]), rtol=1e-4, atol=0)
    assert abs(torch.corrcoef(first.reshape(-1, 4).T).fill_diagonal_(0)).max() < 0.03
    assert torch.equal(faster(ones, training=False), ones)
bfloat = torch_layers(keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5, dtype="bfloat16")]))
assert bfloat(torch.ones(2, 4), training=True).dtype == torch.bfloat16
"""

AVERAGES_SAME_AS_KERAS = """
import keras, numpy as np, torch
from train.models import build_model
from train.training.moving_averages import _plain, warm_up_averages
pixels = np.random.default_rng(0).integers(0, 256, (16, 48, 48, 1)).astype(np.float32)
targets = np.eye(7, dtype=np.float32)[np.arange(16) % 7]
def train(optimizers):
    keras.utils.set_random_seed(0)
    model = build_model("mien", 7, {"widths": [8, 16], "blocks": 1})
    model.get_layer("stem").trainable = False
    averages = []
    for optimizer in optimizers:
        if averages:
            # As a resumed run does.
            optimizer.build(model.trainable_variables)
            for variable, value in zip(optimizer.variables, kept, strict=True):
                variable.assign(value)
        model.compile(optimizer, "categorical_crossentropy")
        for _ in range(2):
            model.train_on_batch(pixels, targets)
            averages.append([a.numpy().copy() for a in optimizer._model_variables_moving_average])
        kept = [keras.ops.convert_to_numpy(variable).copy() for variable in optimizer.variables]
    return averages
def sgd():
    return keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.9)
def unfused():
    optimizer = sgd()
    optimizer._update_model_variables_moving_average = _plain(optimizer)
    return optimizer
plain, faster = train([unfused(), unfused()]), train([warm_up_averages(sgd()), warm_up_averages(sgd())])
for a, b in zip(plain, faster, strict=True):
    assert len(a) == len(b) > 10
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4)
assert any(np.abs(x - y).max() > 1e-2 for x, y in zip(plain[0], plain[-1], strict=True))
"""

SCRIPTS = {
    "training": SAME_AS_KERAS,
    "convolutions": CONVOLUTIONS_SAME_AS_KERAS,
    "depthwise": DEPTHWISE_SAME_AS_KERAS,
    "pooling": POOLING_SAME_AS_KERAS,
    "dropout": DROPOUT_AS_KERAS_DEFINES_IT,
    "averages": AVERAGES_SAME_AS_KERAS,
}


#: Runs all scripts in one process, because PyTorch and Keras take ten seconds to import.
RUN_ALL = """
import json, traceback
outcomes = {}
for name, script in scripts.items():
    try:
        exec(script, {"__name__": name})
        outcomes[name] = None
    except Exception:
        outcomes[name] = traceback.format_exc()
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes():
    """Of each script, None or the traceback with which it ended."""
    prefix, environment = backend_environment("torch")
    code = f"{prefix}scripts = {SCRIPTS!r}\n{RUN_ALL}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment, timeout=480
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_numbers_are_those_of_keras(outcomes, name):
    assert outcomes[name] is None, outcomes[name]


def test_other_backends_keep_keras_own_layers():
    from train.models import build_model
    from train.training.torch_layers import torch_layers

    model = build_model("mien", 7, {"widths": [8], "blocks": 1})
    assert torch_layers(model) is model
