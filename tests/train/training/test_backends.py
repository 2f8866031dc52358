"""`cnn` on PyTorch and JAX: fitted there, resumed there, a plain Keras model afterwards."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import backend_environment
from tests.train.conftest import epochs_of

#: Each test runs a backend in a process of its own.
pytestmark = pytest.mark.slow

BACKENDS = ("torch", "jax")
FIT = ("train", "fit", "--epochs", "2", "--batch-size", "32", "--out")


def run_on(backend, *arguments, **variables):
    code, environment = backend_environment(backend)
    code += f"sys.argv = {['mien', *map(str, arguments)]!r}\nfrom edge.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment | variables, timeout=280
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_cnn_trains_and_leaves_a_model_of_keras_own_layers(backend, made_csv, tmp_path):
    done = run_on(backend, *FIT, tmp_path / "run", "--arch", "cnn", "--class-weights", "--data", made_csv)
    assert done.returncode == 0, done.stderr
    assert f"cnn on {backend}, CPU (" in done.stdout
    assert "images per second" in done.stdout
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (metrics["backend"], metrics["epochs"], metrics["scores"]["n"]) == (backend, 2, 70)
    load = (
        "import sys; sys.modules['train'] = None\nimport keras\n"
        f"layers = keras.saving.load_model({str(tmp_path / 'run/model.keras')!r}).layers\n"
        "print({type(layer).__module__.split('.')[0] for layer in layers})"
    )
    done = subprocess.run([sys.executable, "-P", "-c", load], capture_output=True, text=True)
    assert "{'keras'}" in done.stdout, done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_seed_gives_one_history(backend, made_csv, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "mien"\n[model]\nwidths = [8]\nblocks = 1\n[augment]\nenabled = true\n'
        'mixup = 0.3\n[fit]\nepochs = 2\nbatch_size = 32\nema = 0.9\nprecision = "float32"\nseed = 5\n'
    )
    for name in ("a", "b"):
        done = run_on(backend, "train", "fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert epochs_of(tmp_path / "a") == epochs_of(tmp_path / "b")


def test_jax_shares_each_batch_among_all_devices(made_csv, tmp_path):
    """XLA makes four of one CPU; the last batches, of 18 and 6 faces, do not divide by four."""
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "simple-nn"\n[model]\nunits = [16]\ndropout = 0.0\n[fit]\nepochs = 3\n'
        'batch_size = 32\nprecision = "float32"\n'
    )
    histories = []
    for name, variables in (("one", {}), ("four", {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"})):
        out = tmp_path / name
        done = run_on("jax", "train", "fit", "--recipe", recipe, "--data", made_csv, "--out", out, **variables)
        assert done.returncode == 0, done.stderr
        metrics = json.loads((out / "metrics.json").read_text())
        assert metrics["device"].startswith("CPU (4 x ") == (name == "four")
        assert metrics["scores"]["n"] == 70
        histories.append(np.genfromtxt(out / "history.csv", delimiter=",", names=True))
    one, four = histories
    # The faces that fill the last batch up count for nothing in its mean; that mean weighs by their number, though,
    # when Keras averages over the batches: 8 faces of 72, not 6 of 70.
    assert four["loss"] == pytest.approx(one["loss"], rel=5e-3)
    assert four["val_loss"] == pytest.approx(one["val_loss"], rel=1e-2)
    assert four["val_accuracy"] == pytest.approx(one["val_accuracy"], abs=0.02)


def test_a_step_that_no_memory_holds_names_a_batch_size_to_try(made_csv, tmp_path):
    """The process may have eight gigabytes more; the first layer's answer alone to 210 faces of 960x960 is 24."""
    code, environment = backend_environment("torch")
    arguments = ["mien", "train", "fit", "--arch", "vgg16-finetune", "--weights", "none", "--input-size", "960",
                 "--batch-size", "210", "--precision", "mixed_bfloat16", "--data", str(made_csv),
                 "--out", str(tmp_path / "run")]  # fmt: skip
    code += (
        "import resource, keras\nfrom edge.cli.main import main\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 2**30,) * 2)\n"
        f"sys.argv = {arguments!r}\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment, timeout=280
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "out of memory with batches of 210 faces: try --batch-size 105" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_student_learns_from_a_teacher(backend, cnn_run, made_csv, tmp_path):
    """On all devices of a host, too, where the teacher has one to itself."""
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "simple-nn"\n[model]\nunits = [64]\ndropout = 0.0\n[fit]\nepochs = 12\n'
        'batch_size = 32\nteacher_share = 1.0\nprecision = "float32"\n'
    )
    losses = []
    for teacher in (cnn_run, write_constant_teacher(tmp_path)):
        out = tmp_path / f"by-{teacher.stem}"
        done = run_on(backend, "train", "distill", "--teacher", teacher, "--recipe", recipe, "--data", made_csv,
                      "--out", out, XLA_FLAGS="--xla_force_host_platform_device_count=4")  # fmt: skip
        assert done.returncode == 0, done.stderr
        losses.append(np.genfromtxt(out / "history.csv", delimiter=",", names=True)["loss"])
    # Where the targets are one in seven each, the loss approaches their entropy.
    assert losses[1][-1] == pytest.approx(np.log(7), abs=0.2)
    assert losses[0][-1] < losses[1][-1] - 0.1


def write_constant_teacher(folder):
    """A model that holds every class as probable as the next."""
    path = folder / "constant.keras"
    pixels = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(pixels)
    scores = keras.layers.Dense(7, activation="softmax", kernel_initializer="zeros")(flat)
    keras.Model(pixels, scores).save(path)
    return path
