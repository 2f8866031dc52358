"""Networks of PyTorch and ONNX, with the real PyTorch, LiteRT Torch and ONNX Runtime."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from edge.inference.model_card import read_model
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long]

ACTIVATIONS = ("relu", "color", "silu", "elu", "mish", "prelu", "hard-swish")
GATE = ("--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 90, "--min-above-chance", -100, "--samples", 70)


@pytest.fixture(scope="module")
def environment():
    """In which PyTorch and LiteRT Torch can be imported."""
    needed = {
        "MIEN_TORCH": "torch",
        "MIEN_JAX": "jax",
        "MIEN_LITERT_TORCH": "litert-torch (with --no-deps; its own packages: see .ci/run)",
    }
    for variable, package in needed.items():
        if not os.environ.get(variable):
            pytest.skip(f"{variable} names no folder: pip install --target DIR {package}")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(os.environ[variable] for variable in needed)}


def python(environment, *arguments):
    """Run a module of the tests; return its lines of JSON."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, env=environment,
        timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def mien(environment, *arguments):
    command = [sys.executable, "-P", "-m", "mien", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500, check=False)


@pytest.fixture(scope="module")
def saved(environment, tmp_path_factory):
    """The folder of saved networks."""
    folder = tmp_path_factory.mktemp("saved")
    python(environment, "tests.convert.pytorch.saved_networks", folder)
    return folder


@pytest.fixture(scope="module")
def loaded(environment, saved):
    """File name to what was found."""
    return dict(python(environment, "tests.convert.pytorch.conversions", saved))


def test_every_operator_of_onnx_is_as_onnx_runtime_has_it(environment):
    source = (ROOT / "convert" / "pytorch" / "onnx_operators.py").read_text()
    table = source[source.index("OPERATORS:") :]
    known = set(re.findall(r'^    "(\w+)":', table, re.MULTILINE))
    found = python(environment, "tests.convert.pytorch.operator_cases")
    assert {kind for kind, _ in found} == known
    assert [case for case in found if case[1] is None or case[1] > 1e-5] == []


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_the_graph_scores_as_the_network_does(loaded, suffix):
    for name in (*ACTIVATIONS, "channels-last", "probabilities", "log-probabilities"):
        one = loaded[f"{name}.{suffix}"]
        assert "error" not in one, (name, one)
        assert one["folding"] < 1e-4
        assert np.sum(one["scores"], axis=1) == pytest.approx(1, abs=1e-4)
        assert one["input"] == [1, 64, 64, 1] if name == "color" else [1, 48, 48, 1]
        assert len(set(one["names"])) == len(one["names"])


def test_a_softmax_is_added_to_logits_only(loaded):
    for suffix in ("pt2", "onnx"):
        logits, probabilities, logarithms = (
            loaded[f"{name}.{suffix}"] for name in ("relu", "probabilities", "log-probabilities")
        )
        assert np.array(probabilities["scores"]) == pytest.approx(np.array(logits["scores"]), abs=1e-5)
        assert np.array(logarithms["scores"]) == pytest.approx(np.array(logits["scores"]), abs=1e-5)
        assert probabilities["operators"].count("SOFTMAX") == 1


def test_both_ways_give_the_same_scores(loaded):
    for name in ACTIVATIONS:
        torch, onnx = (np.array(loaded[f"{name}.{suffix}"]["scores"]) for suffix in ("pt2", "onnx"))
        assert torch == pytest.approx(onnx, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("sigmoid.pt2", "are between 0 and 1, and do not sum to 1: expected logits or a softmax"),
        ("sigmoid.onnx", "are between 0 and 1, and do not sum to 1: expected logits or a softmax"),
        ("training.pt2", "gives other outputs for the same face: call model.eval() before you export it"),
        ("oblong.pt2", "expected a batch of 1 or of any size, 1 or 3 channels, and a fixed square"),
        ("oblong.onnx", "expected a batch of 1 or of any size, 1 or 3 channels, and a fixed square"),
        ("eight.pt2", "expected a batch of 1 or of any size"),
        ("eight.onnx", "expected a batch of 1 or of any size"),
        ("maps.pt2", "returns [1, 1, 48, 48]: expected [1, classes]"),
        ("two.pt2", "has 2 inputs: expected 1"),
        ("two.onnx", "has 2 inputs, 1 outputs: expected 1 and 1"),
    ],
)
def test_networks_that_are_no_classifiers_of_faces(loaded, name, complaint):
    assert complaint in loaded[name]["error"]


@pytest.mark.parametrize("name", ["color.pt2", "mish.onnx"])
def test_int8_by_the_command(environment, saved, made_csv, tmp_path, name):
    out = tmp_path / "x.tflite"
    common = ("--data", made_csv, "--input-range", 0, 1)
    done = mien(environment, "convert", "quantize", saved / name, *common, "--out", out, *GATE)
    assert done.returncode == 0, done.stderr
    # Neither the progress of LiteRT Torch nor the warnings of torch.export.
    assert not done.stderr.strip(), done.stderr
    file = read_model(out)
    assert file.card.scheme == "int8"
    done = mien(environment, "convert", "verify", out, "--reference", saved / name, *common, *GATE[:-2])
    assert done.returncode == 0, done.stderr
    assert "0 float tensors" in done.stdout


def test_what_is_no_network(environment, saved, made_csv, tmp_path):
    for name, content, complaint in (
        ("broken.pt2", b"PK\x03\x04broken", "is not a program that torch.export.save wrote"),
        ("broken.onnx", b"\x08\x01broken", "is not an ONNX model that can be read"),
        ("absent.onnx", None, "no model at"),
        ("weights.pt", (saved / "weights.pt").read_bytes(), "holds weights or pickled objects"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        done = mien(
            environment, "convert", "quantize", tmp_path / name, "--data", made_csv, "--out", tmp_path / "x.tflite"
        )
        assert done.returncode == 1, (name, done.stderr)
        (line,) = done.stderr.splitlines()
        assert complaint in line
