"""Batch normalisation by PyTorch's kernel: the same numbers as Keras' own."""

import os
import subprocess
import sys

import pytest

SAME_AS_KERAS = """
import keras, numpy as np, torch
from train.fused import fuse_batch_normalization
from train.models import build_model
keras.utils.set_random_seed(0)
plain = build_model("mien", 7, {"widths": [8, 16], "blocks": 1})
fused = fuse_batch_normalization(plain)
assert {type(l).__module__ for l in fused.layers if "_bn" in l.name} == {"train.fused"}
pixels = np.random.default_rng(0).integers(0, 256, (16, 48, 48, 1)).astype(np.float32)
targets = np.eye(7, dtype=np.float32)[np.arange(16) % 7]
for model in (plain, fused):
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "categorical_crossentropy")
    for _ in range(3):
        model.train_on_batch(pixels, targets)
for a, b in zip(plain.weights, fused.weights, strict=True):
    assert a.path == b.path
    np.testing.assert_allclose(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), rtol=1e-3, atol=1e-4)
np.testing.assert_allclose(plain.predict(pixels, verbose=0), fused.predict(pixels, verbose=0), rtol=1e-3, atol=1e-4)
print("the same")
"""


@pytest.fixture(scope="module")
def torch_environment():
    folder = os.environ.get("MIEN_TORCH")
    if not folder:
        pytest.skip("MIEN_TORCH names no folder: pip install --target DIR torch")
    # Behind the environment's own packages: numpy is there already.
    code = f"import sys; sys.path.append({folder!r})\n"
    return code, {**os.environ, "KERAS_BACKEND": "torch"}


def test_three_steps_end_where_keras_own_layers_do(torch_environment):
    prefix, environment = torch_environment
    done = subprocess.run(
        [sys.executable, "-c", prefix + SAME_AS_KERAS], capture_output=True, text=True, env=environment, timeout=240
    )
    assert "the same" in done.stdout, done.stderr


def test_a_run_on_torch_leaves_a_model_of_keras_own_layers(torch_environment, made_csv, tmp_path):
    prefix, environment = torch_environment
    arguments = ["mien", "train", "fit", "--arch", "cnn", "--data", str(made_csv), "--out", str(tmp_path / "run"),
                 "--epochs", "1"]  # fmt: skip
    code = f"{prefix}sys.argv = {arguments!r}\nfrom edge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "cnn on torch" in done.stdout
    load = (
        "import sys; sys.modules['train'] = None\nimport keras\n"
        f"layers = keras.saving.load_model({str(tmp_path / 'run/model.keras')!r}).layers\n"
        "print({type(layer).__module__.split('.')[0] for layer in layers})"
    )
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True)
    assert "{'keras'}" in done.stdout, done.stderr


def test_other_backends_keep_keras_own_layers():
    from train.fused import fuse_batch_normalization
    from train.models import build_model

    model = build_model("mien", 7, {"widths": [8], "blocks": 1})
    assert fuse_batch_normalization(model) is model
