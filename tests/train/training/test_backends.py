"""Training on PyTorch and JAX: it is reproducible there too, and leaves a plain Keras model."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import backend_environment
from tests.train.conftest import epochs_of

#: Each backend runs in a process of its own.
pytestmark = [pytest.mark.slow, pytest.mark.long]

BACKENDS = ("torch", "jax")

_CNN = (
    'name = "small-cnn"\narchitecture = "cnn"\n[model]\nwidths = [8, 8]\ndense = 16\n[fit]\nepochs = 2\n'
    "batch_size = 32\nclass_weights = true\n"
)
_AUGMENTED = (
    'name = "augmented"\narchitecture = "mien"\n[model]\nwidths = [8]\nblocks = 1\n[augment]\nenabled = true\n'
    'mixup = 0.3\n[fit]\nepochs = 2\nbatch_size = 32\nema = 0.9\nprecision = "float32"\nseed = 5\n'
)
_DENSE = (
    'name = "dense"\narchitecture = "simple-nn"\n[model]\nunits = [16]\ndropout = 0.0\n[fit]\nepochs = 3\n'
    'batch_size = 32\nprecision = "float32"\n'
)
_STUDENT = (
    'name = "student"\narchitecture = "simple-nn"\n[model]\nunits = [64]\ndropout = 0.0\n[fit]\nepochs = 12\n'
    'batch_size = 32\nteacher_share = 1.0\nprecision = "float32"\n'
)
#: Runs several commands in one process, because a backend takes ten seconds to import, and stops at one that fails.
_RUN_ALL = """
from edge.cli.main import main
for command in commands:
    sys.argv = ["mien", *command]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


#: Stops after one epoch of two, and continues.
_INTERRUPT = """
from train.training.fitting import fit

def stop(epoch, accuracy):
    raise KeyboardInterrupt

fit(recipe, data, folder + "/whole")
try:
    fit(recipe, data, folder + "/broken", on_epoch=stop)
except KeyboardInterrupt:
    fit(None, data, folder + "/broken", resume=True)
"""


def run_all(backend, commands, **variables):
    return run_code(
        backend, f"commands = {[[str(part) for part in each] for each in commands]!r}\n{_RUN_ALL}", **variables
    )


def run_code(backend, text, **variables):
    code, environment = backend_environment(backend)
    code += text
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment | variables, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=BACKENDS)
def trained(request, cnn_run, made_csv, tmp_path_factory):
    """A folder with a run of each kind, trained on one backend, and what the commands printed.

    JAX has four devices, which XLA makes of one CPU.
    """
    folder = tmp_path_factory.mktemp(request.param)
    recipes = {}
    for name, text in (("cnn", _CNN), ("augmented", _AUGMENTED), ("dense", _DENSE), ("student", _STUDENT)):
        recipes[name] = folder / f"{name}.toml"
        recipes[name].write_text(text)
    fit, distill = ("train", "fit", "--data", made_csv), ("train", "distill", "--data", made_csv)
    out = run_all(
        request.param,
        [
            (*fit, "--recipe", recipes["cnn"], "--out", folder / "cnn"),
            (*fit, "--recipe", recipes["augmented"], "--out", folder / "augmented"),
            (*fit, "--recipe", recipes["augmented"], "--out", folder / "again"),
            (*fit, "--recipe", recipes["dense"], "--out", folder / "dense"),
            (*distill, "--recipe", recipes["student"], "--teacher", cnn_run, "--out", folder / "by-cnn"),
            (*distill, "--recipe", recipes["student"], "--teacher", write_constant_teacher(folder),
             "--out", folder / "by-constant"),
        ],
        XLA_FLAGS="--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0",
        # Two runs of one recipe share what XLA has compiled.
        JAX_COMPILATION_CACHE_DIR=str(folder / "compiled"),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
        JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1",
    )  # fmt: skip
    return request.param, folder, out


def history_of(run):
    return np.genfromtxt(run / "history.csv", delimiter=",", names=True)


def test_cnn_trains_and_leaves_a_model_of_keras_own_layers(trained):
    backend, folder, out = trained
    assert f"small-cnn on {backend}, CPU (" in out
    assert "images per second" in out
    metrics = json.loads((folder / "cnn" / "metrics.json").read_text())
    assert (metrics["backend"], metrics["epochs"], metrics["scores"]["n"]) == (backend, 2, 70)
    load = (
        "import sys; sys.modules['train'] = None\nimport keras\n"
        f"layers = keras.saving.load_model({str(folder / 'cnn/model.keras')!r}).layers\n"
        "print({type(layer).__module__.split('.')[0] for layer in layers})"
    )
    done = subprocess.run([sys.executable, "-P", "-c", load], capture_output=True, text=True)
    assert "{'keras'}" in done.stdout, done.stderr


def test_one_seed_gives_one_history(trained):
    _, folder, _ = trained
    assert epochs_of(folder / "augmented") == epochs_of(folder / "again")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_resumed_run_has_the_dropout_of_the_whole(backend, made_csv, tmp_path):
    """PyTorch's own generator decides what Keras' layer drops there."""
    recipe = tmp_path / "dropout.toml"
    recipe.write_text(_DENSE.replace("dropout = 0.0", "dropout = 0.5").replace("epochs = 3", "epochs = 2"))
    names = f"recipe, data, folder = {str(recipe)!r}, {str(made_csv)!r}, {str(tmp_path)!r}\n"
    run_code(backend, names + _INTERRUPT)
    whole, broken = history_of(tmp_path / "whole"), history_of(tmp_path / "broken")
    assert len(broken) == 2
    assert broken["loss"] == pytest.approx(whole["loss"], rel=1e-5)


def test_a_batch_is_shared_among_all_devices(trained, made_csv):
    """The last batches, of 18 and 6 faces, do not divide by four."""
    backend, folder, _ = trained
    if backend != "jax":
        pytest.skip("PyTorch has one CPU")
    fit = ("train", "fit", "--data", made_csv, "--recipe", folder / "dense.toml", "--out", folder / "one")
    run_all(backend, [fit])
    for name, run in (("one", folder / "one"), ("four", folder / "dense")):
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["device"].startswith("CPU (4 x ") == (name == "four")
        assert metrics["scores"]["n"] == 70
    one, four = history_of(folder / "one"), history_of(folder / "dense")
    # The faces that fill the last batch up count for nothing in its mean; that mean weighs by their number, though,
    # when Keras averages over the batches: 8 faces of 72, not 6 of 70.
    assert four["loss"] == pytest.approx(one["loss"], rel=5e-3)
    assert four["val_loss"] == pytest.approx(one["val_loss"], rel=1e-2)
    assert four["val_accuracy"] == pytest.approx(one["val_accuracy"], abs=0.02)


def test_a_student_learns_from_a_teacher(trained):
    """On all devices of a host, too, where the teacher has one to itself."""
    _, folder, _ = trained
    by_cnn, by_constant = (history_of(folder / name)["loss"] for name in ("by-cnn", "by-constant"))
    # Where the targets are one in seven each, the loss approaches their entropy.
    assert by_constant[-1] == pytest.approx(np.log(7), abs=0.2)
    assert by_cnn[-1] < by_constant[-1] - 0.1


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


def write_constant_teacher(folder):
    """A model that holds every class as probable as the next."""
    path = folder / "constant.keras"
    pixels = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(pixels)
    scores = keras.layers.Dense(7, activation="softmax", kernel_initializer="zeros")(flat)
    keras.Model(pixels, scores).save(path)
    return path
