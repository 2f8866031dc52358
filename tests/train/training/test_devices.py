import json
import subprocess
import sys

import numpy as np
import pytest

from train.training.devices import Devices, find_devices


def test_precision_follows_the_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpu = Devices("CPU", "x")
    cpuinfo.write_text("flags\t\t: fpu avx512f avx512_bf16\n")
    assert cpu.precision(cpuinfo) == "mixed_bfloat16"
    cpuinfo.write_text("flags\t\t: fpu avx2\n")
    assert cpu.precision(cpuinfo) == "float32"
    assert cpu.precision(tmp_path / "none") == "float32"


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((6, 1), "float32"), ((7, 0), "mixed_float16"), ((7, 5), "mixed_float16"), ((8, 0), "mixed_bfloat16"),
     ((10, 0), "mixed_bfloat16"), (None, "float32")],
)  # fmt: skip
def test_precision_follows_the_tensor_cores(capability, precision):
    assert Devices("GPU", "x", capability=capability).precision() == precision
    assert Devices("TPU", "x").precision() == "mixed_bfloat16"


def test_this_machine_has_one():
    devices = find_devices()
    assert devices.count == 1
    assert devices.kind in ("CPU", "GPU")
    assert str(devices).startswith(f"{devices.kind} (")


@pytest.mark.slow
def test_float16_trains_too(mien, made_csv, tmp_path):
    done = mien("fit", "--arch", "simple-nn", "--precision", "mixed_float16", "--epochs", 2, "--data", made_csv,
                "--out", tmp_path / "run", module="train")  # fmt: skip
    assert done.code == 0, done.err
    assert "mixed_float16: 210 faces" in done.out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["precision"] == "mixed_float16"
    assert metrics["images_per_second"] > 0


TWO_CPUS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.argv = ["mien", "train", "fit", "--recipe", {recipe!r}, "--data", {data!r}, "--out", {out!r}]
from edge.cli.main import main
main()
"""


@pytest.mark.slow
@pytest.mark.long
def test_tensorflow_mirrors_the_model_on_all_devices(mien, made_csv, tmp_path):
    """TensorFlow makes two of one CPU; the last batch, of 18 faces, is filled up to be shared."""
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "simple-nn"\n[model]\nunits = [8]\ndropout = 0.0\n[fit]\nepochs = 2\n'
        'batch_size = 32\nema = 0.9\nprecision = "float32"\n'
    )
    code = TWO_CPUS.format(recipe=str(recipe), data=str(made_csv), out=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "CPU (2 x " in done.stdout
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["scores"]["n"] == 70
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / "one", module="train")
    assert done.code == 0, done.err
    two, one = (np.genfromtxt(tmp_path / r / "history.csv", delimiter=",", names=True) for r in ("run", "one"))
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-3)
