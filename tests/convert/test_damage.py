"""A damaged file causes one clear error line or measurably different scores, never a crash."""

import shutil
import sys

import numpy as np
import pytest

from convert.analysis.inspection import inspect
from convert.analysis.verification import check_file
from edge.errors import ModelError
from edge.inference.classifier import Classifier
from edge.inference.model_card import read_model, read_parts
from edge.inference.sandbox import load_in_sandbox
from tests.conftest import SHIPPED

FACE = np.random.default_rng(3).integers(0, 256, (48, 48)).astype(np.uint8)


def outcome(path, expected):
    """`error` if a check fails, `unequal` or `equal` if the file still runs."""
    try:
        read_model(path)
        load_in_sandbox(path)
        checked = check_file(path)
    except ModelError as error:
        return "error" if "\n" not in str(error) and path.name in str(error) else f"unclear: {error}"
    same = np.array_equal(checked.classifier.scores(FACE), expected) and checked.model.card == read_model(SHIPPED).card
    return "equal" if same else "unequal"


@pytest.fixture(scope="module")
def expected():
    return Classifier(SHIPPED).scores(FACE)


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ (1 << (place % 8))]) + content[place + 1 :]


@pytest.mark.slow
def test_three_hundred_flipped_bytes_are_all_found(expected, tmp_path):
    whole = SHIPPED.read_bytes()
    graph_bytes = len(read_model(SHIPPED).graph)
    random = np.random.default_rng(0)
    # As many in what is appended, labels and card, as in the flatbuffer that is a hundred times its size.
    places = [*random.integers(0, graph_bytes, 150), *random.integers(graph_bytes, len(whole), 150)]
    path = tmp_path / "flipped.tflite"
    seen = []
    for place in places:
        path.write_bytes(flipped(whole, int(place)))
        seen.append(outcome(path, expected))
    assert len(seen) == 300
    # The checksum covers the flatbuffer whole.
    assert seen[:150] == ["error"] * 150
    # A zip has bytes that no reader looks at (dates, attributes): the model is then the very same.
    assert set(seen[150:]) <= {"error", "unequal", "equal"}
    assert seen[150:].count("equal") < 30


def test_a_hundred_truncations_are_all_found(expected, tmp_path):
    whole = SHIPPED.read_bytes()
    path = tmp_path / "cut.tflite"
    for length in np.linspace(0, len(whole) - 1, 100).astype(int):
        path.write_bytes(whole[:length])
        assert outcome(path, expected) == "error", length


@pytest.mark.slow
def test_without_a_checksum_the_child_process_crashes_instead(tmp_path):
    """A foreign file states no SHA-256: what is wrong with it comes out in the child process."""
    graph = read_model(SHIPPED).graph
    path = tmp_path / "foreign.tflite"
    random = np.random.default_rng(1)
    errors = []
    for place in random.integers(0, 4000, 25):
        # The front holds the tables, where a flip does most damage.
        path.write_bytes(flipped(graph, int(place)))
        try:
            assert read_parts(path)[1] is None
            load_in_sandbox(path)
        except ModelError as error:
            errors.append(str(error))
    assert errors
    assert not any("\n" in text for text in errors)


def test_a_child_that_crashes_or_hangs_is_an_error(monkeypatch, tmp_path):
    import edge.inference.sandbox as module

    shutil.copy(SHIPPED, tmp_path / "x.tflite")
    killer = tmp_path / "killer"
    for script, message in (
        ("kill -SEGV $$", "it crashes the runtime (SIGSEGV)"),
        ("sleep 60", "it runs for more than 1 s"),
    ):
        killer.write_text(f"#!/bin/sh\n{script}\n")
        killer.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(killer))
        monkeypatch.setattr(module, "TIMEOUT_S", 1.0)
        with pytest.raises(ModelError, match="is damaged") as caught:
            load_in_sandbox(tmp_path / "x.tflite")
        assert message in str(caught.value)


@pytest.mark.slow
def test_the_tables_of_a_foreign_file_are_read_or_rejected(tmp_path):
    graph = read_model(SHIPPED).graph
    path = tmp_path / "foreign.tflite"
    rejected = 0
    for place in np.random.default_rng(2).integers(0, 6000, 400):
        path.write_bytes(flipped(graph, int(place)))
        try:
            inspect(path)
        except ModelError as error:
            rejected += "\n" not in str(error)
    assert 0 < rejected < 400


def test_the_commands_end_in_one_line(mien, cnn_run, made_csv, tmp_path):
    whole, graph = SHIPPED.read_bytes(), read_model(SHIPPED).graph
    path = tmp_path / "x.tflite"
    reference = ("--data", made_csv, "--reference", cnn_run / "model.keras")
    for content in (flipped(whole, 30), flipped(whole, 400_000), whole[:9000], graph[:-90_000], b""):
        path.write_bytes(content)
        for command in (("inspect", path), ("verify", path, *reference)):
            done = mien(*command, module="convert")
            assert done.code == 1
            assert "x.tflite" in done.error_line()
    # Without what was appended it is somebody's whole, foreign file.
    path.write_bytes(graph)
    assert mien("inspect", path, module="convert").code == 0
