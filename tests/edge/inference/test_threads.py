"""`--threads auto`: the number of threads is measured once for each network and machine, then stored."""

import json
import time

import numpy as np
import pytest

from edge.cli.run import run, run_settings
from edge.inference import threads
from edge.inference.classifier import Classifier
from edge.inference.threads import AUTO, fastest_threads
from tests.conftest import SHIPPED


class Network:
    """A network whose invocations return how long they took, and which counts how often it is opened."""

    def __init__(self, spent_ms):
        self.spent_ms, self.opened = spent_ms, []

    def open(self, n):
        self.opened.append(n)
        return lambda: self.spent_ms[n]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    # No real clock, because the machine that runs the tests may be busy.
    monkeypatch.setattr(threads, "_measure", lambda invokes: {n: invoke() for n, invoke in invokes.items()})
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    return tmp_path / "threads.json"


def choose(network, graph=b"graph", runtime="litert 2"):
    return fastest_threads(graph, runtime, network.open, "a network")


def test_the_fastest_number_is_chosen_and_stored(cache):
    network = Network({1: 30, 2: 20, 4: 5})
    assert choose(network) == 4
    assert network.opened == [1, 2, 4]
    assert choose(network) == 4
    assert network.opened == [1, 2, 4]
    assert list(json.loads(cache.read_text()).values()) == [4]


def test_more_threads_must_be_clearly_faster(cache):
    assert choose(Network({1: 20, 2: 19.5, 4: 19.2})) == 1


def test_another_network_runtime_processor_or_number_of_cores_is_measured_again(cache, monkeypatch):
    network = Network({1: 5, 2: 20, 4: 20})
    choose(network)
    choose(network, graph=b"other")
    choose(network, runtime="litert 3")
    monkeypatch.setattr(threads, "processor", lambda: "another")
    choose(network)
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    choose(network)
    assert network.opened == [1, 2, 4] * 4 + [1, 2]
    assert len(json.loads(cache.read_text())) == 5


def test_one_core_needs_no_measurement(cache, monkeypatch):
    monkeypatch.setattr(threads, "usable_cores", lambda: 1)
    network = Network({})
    assert choose(network) == 1
    assert network.opened == []
    assert not cache.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"KEY": "two"}', b'{"KEY": 3}', b'{"KEY": true}']
)
def test_an_invalid_cache_is_measured_again_and_replaced(cache, content):
    cache.write_bytes(content.replace(b"KEY", threads._key(b"graph", "litert 2").encode()))
    network = Network({1: 20, 2: 5, 4: 20})
    assert choose(network) == 2
    assert network.opened == [1, 2, 4]
    assert json.loads(cache.read_text())[threads._key(b"graph", "litert 2")] == 2


def test_a_cache_that_cannot_be_written_is_only_a_warning(cache, monkeypatch, caplog):
    # A file in place of the folder, where even root cannot write.
    cache.parent.joinpath("file").touch()
    monkeypatch.setenv("MIEN_CACHE", str(cache.parent / "file"))
    assert choose(Network({1: 5, 2: 20, 4: 20})) == 1
    assert "is not stored, so the next start measures it again: cannot write" in caplog.text


def test_numbers_of_threads_are_measured_interleaved_for_the_given_time(monkeypatch):
    monkeypatch.setattr(threads, "MEASURE_S", 0.0)
    calls = []
    spent_ms = threads._measure({n: lambda n=n: calls.append(n) for n in (1, 2, 4)})
    assert calls == [1, 1, 2, 2, 4, 4] * 3
    assert set(spent_ms) == {1, 2, 4}
    monkeypatch.setattr(threads, "MEASURE_S", 0.1)
    begin_s = time.monotonic()
    threads._measure({1: lambda: time.sleep(0.001)})
    assert time.monotonic() - begin_s >= 0.1


def test_a_real_network_returns_the_same_scores_with_auto(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    monkeypatch.setattr(threads, "MEASURE_S", 0.05)
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    face = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    assert (Classifier(SHIPPED, AUTO).scores(face) == Classifier(SHIPPED).scores(face)).all()
    key, chosen = next(iter(json.loads((tmp_path / "threads.json").read_text()).items()))
    assert chosen in (1, 2)
    assert "litert" in key or "tflite" in key


def test_the_command_line_and_the_configuration_file_accept_auto(tmp_path, weights, cache, invoke):
    assert run_settings(run.make_context("mien run", ["--threads", "auto"])).threads == AUTO
    path = tmp_path / "mien.toml"
    path.write_text('threads = "auto"\n')
    assert run_settings(run.make_context("mien run", ["--config", str(path)])).threads == AUTO
    assert invoke("run", "--threads", "auto", "--show-config").out.count('threads = "auto"') == 1
    done = invoke("run", "--threads", "many")
    assert done.code == 2
    assert "expected auto, or 1 to 64" in done.err
