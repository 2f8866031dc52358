"""Files of unknown origin are loaded in a child process before this one touches them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.detection import open_detector
from edge.errors import MienError, ModelError
from edge.inference.classifier import Classifier
from edge.inference.flatbuffer import Graph, schema
from edge.inference.model_card import ModelCard, read_model, write_model
from edge.inference.sandbox import require_loadable, run_in_sandbox
from tests.conftest import ROOT, SHIPPED


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "loadable.json"


def test_a_good_file_is_checked_once_and_the_shipped_ones_never(cache, tmp_path, monkeypatch):
    Classifier(SHIPPED)
    # As in a release of a bundle.
    Classifier(Path(shutil.copy(SHIPPED, tmp_path)))
    assert not cache.exists()
    copy = tmp_path / "copy.tflite"
    shutil.copy(SHIPPED, copy)
    Classifier(copy)
    assert len(json.loads(cache.read_text())) == 1
    monkeypatch.setattr("edge.inference.sandbox.run_in_sandbox", lambda *_: pytest.fail("checked again"))
    Classifier(copy)


@pytest.mark.slow
def test_mutants_never_crash_this_process(cache, tmp_path):
    """A file with a card of its own states the SHA-256 of its damaged tables."""
    graph, card = read_model(SHIPPED).graph, ModelCard("foreign", read_model(SHIPPED).card.labels, scheme="int8")
    random, path, outcomes = np.random.default_rng(7), tmp_path / "mutant.tflite", set()
    for _ in range(30):
        mutant = bytearray(graph)
        for place in random.integers(0, 6000, 3):
            mutant[place] = int(random.integers(0, 256))
        write_model(path, bytes(mutant), card)
        for load in (Classifier, lambda p: open_detector(f"blazeface:{p}")):
            try:
                load(path)
                outcomes.add("loaded")
            except MienError as error:
                outcomes.add("rejected" if "\n" not in str(error) else str(error))
    assert outcomes in ({"rejected"}, {"rejected", "loaded"})


def test_control_flow_is_rejected(tmp_path):
    graph = Graph(read_model(SHIPPED).graph, "x")
    graph.model.operatorCodes[0].builtinCode = schema().BuiltinOperator.WHILE
    graph.model.operatorCodes[0].deprecatedBuiltinCode = schema().BuiltinOperator.WHILE
    with pytest.raises(ModelError, match=r"x has control flow \(WHILE\): expected a network of plain operators"):
        run_in_sandbox(graph.pack(), "x")


def test_a_small_file_that_takes_a_gigabyte_is_rejected(cache):
    data = (ROOT / "tests" / "fuzz" / "corpus" / "graph" / "found-tensor-of-a-gigabyte.tflite").read_bytes()
    with pytest.raises(ModelError, match=r"m.tflite takes \d+ MB to run: expected at most 256 MB of a file of 2768 b"):
        run_in_sandbox(data, "m.tflite")


def test_a_damaged_store_is_no_obstacle(cache, tmp_path):
    cache.parent.mkdir()
    for content in ("{", "[1, 2]", "{}", "[" * 100_000):
        cache.write_text(content)
        require_loadable(read_model(SHIPPED).graph, tmp_path / "x.tflite")
        assert len(json.loads(cache.read_text())) == 1
