"""Several processes on this machine train one network together, as several machines would."""

import json
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from edge.errors import WrongUseError
from tests.conftest import backend_environment
from tests.train.conftest import epochs_of
from train.data.batches import Batches
from train.recipes.schema import Augment
from train.training import fit

#: Batches that are not a multiple of two faces, so that the last one is padded; a stage that goes on from the best.
RECIPE = """
name = "shared"
architecture = "mien"
[model]
widths = [8]
blocks = [1]
[fit]
batch_size = 22
optimizer = "sgd"
weight_decay = 0.001
ema = 0.9
precision = "float32"
[[stages]]
name = "first"
train = "all"
epochs = 2
learning_rate = 0.05
batch_norm = true
[[stages]]
name = "second"
train = "all"
epochs = 2
learning_rate = 0.01
batch_norm = true
"""

_MAIN = "from edge.cli.main import main\nfrom train.cli.group import train\nmain(train, 'mien train')\n"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "shared.toml"
    path.write_text(RECIPE)
    return path


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def by_keras(port, number):
    return {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }


def by_slurm(port, number):
    """What srun sets, as far as JAX reads it; JAX derives the port from the number of the job."""
    return {
        "SLURM_JOB_ID": str(port % 4096),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
        "SLURM_STEP_NUM_NODES": "1",
        "SLURM_PROCID": str(number),
        "SLURM_LOCALID": str(number),
    }


def run(*lines, variables=()):
    """Run `mien train` on JAX, in as many processes as there are command lines, at the same time."""
    code, environment = backend_environment("jax")
    code += _MAIN
    processes = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", code, *map(str, line)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | own,
        )
        for line, own in zip(lines, variables or [{}] * len(lines), strict=True)
    ]
    try:
        outputs = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(lines), outputs
    return [out for out, _ in outputs]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("described", [by_keras, by_slurm])
def test_two_processes_train_as_one_with_the_same_batches(recipe, made_csv, tmp_path, described):
    line = ["fit", "--recipe", recipe, "--data", made_csv, "--out"]
    run([*line, tmp_path / "alone"])
    port = free_port()
    first, second = run(
        *[[*line, tmp_path / "together", "--distributed"]] * 2, variables=[described(port, 0), described(port, 1)]
    )
    assert "2 x" in first
    assert "on PublicTest" in first
    # The second one neither reports nor writes. JAX's own library lists who is connected.
    assert [line for line in second.splitlines() if not line.startswith("[Gloo]")] == []
    for one, other in zip(epochs_of(tmp_path / "alone"), epochs_of(tmp_path / "together"), strict=True):
        assert float(other["loss"]) == pytest.approx(float(one["loss"]), rel=2e-3)
        assert float(other["val_loss"]) == pytest.approx(float(one["val_loss"]), rel=2e-2)
    metrics = json.loads((tmp_path / "together" / "metrics.json").read_text())
    assert metrics["device"].startswith("CPU (2 x ")
    model = keras.saving.load_model(tmp_path / "together" / "model.keras")
    assert model.count_params() == metrics["parameters"]
    assert not (tmp_path / "together" / "checkpoint").exists()


@pytest.mark.slow
def test_the_parts_of_a_batch_are_the_batch(made_csv):
    faces = load_dataset(made_csv, ("Training",))["Training"]
    parts = [Batches(faces, 22, 3, multiple_of=2, part=(number, 2)) for number in range(2)]
    whole = Batches(faces, 22, 3, multiple_of=2)
    for batches in (*parts, whole):
        batches.shuffle(1)
    for index in range(len(whole)):
        for part, together in zip(zip(*(batches[index] for batches in parts), strict=True), whole[index], strict=True):
            assert np.array_equal(np.concatenate(part), together)


@pytest.mark.slow
def test_each_part_is_augmented_by_other_numbers(made_csv):
    same = load_dataset(made_csv, ("Training",))["Training"].take(np.zeros(8, int))
    augment = Augment(enabled=True)
    first, second = (Batches(same, 8, 3, augment, 2, part=(number, 2))[0][0] for number in range(2))
    assert not np.array_equal(first, second)


def test_another_backend_than_jax_is_named(made_csv, tmp_path):
    with pytest.raises(WrongUseError, match="--distributed needs JAX, the backend is tensorflow"):
        fit("simple-nn", made_csv, tmp_path / "run", distributed=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.long
@pytest.mark.slow
def test_processes_that_nothing_describes_are_one_line(made_csv, tmp_path):
    code, environment = backend_environment("jax")
    code += _MAIN
    line = ["fit", "--arch", "simple-nn", "--data", made_csv, "--out", tmp_path / "run", "--distributed"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, line)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2, done.stderr
    assert "expected KERAS_DISTRIBUTION_JOB_ADDRESSES" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
