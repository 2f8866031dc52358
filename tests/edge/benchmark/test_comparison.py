import copy
import json

import numpy as np
import pytest

from edge.benchmark.comparison import compare_results
from edge.benchmark.results import pack_bits, unpack_bits
from edge.errors import DataError


def result(right, p50=0.5, rss=70.0, name="a", sha="0" * 64):
    n = len(right)
    accuracy = float(np.mean(right))
    latency = {"p50_ms": {"value": p50, "low": p50 * 0.99, "high": p50 * 1.01}}
    good = {"accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}, "right": pack_bits(right)}
    speed = {"threads": 1, "crop_to_scores": latency, "invoke": latency, "peak_rss_mb": rss}
    return {
        "schema_version": 1,
        "mien": "0",
        "created": "2026-01-01T00:00:00Z",
        "marks": [],
        "data": {"sha256": sha, "split": "PublicTest", "faces": n, "seed": 0},
        "conditions": {"machine": {"board": None, "processor": "p"}},
        "models": [{"name": name, "accuracy": good, "speeds": [speed]}],
    }


def right(n, hits):
    return np.arange(n) < hits


def verdicts(before, after):
    return {c.figure: "worse" if c.worse else "better" if c.better else "" for c in compare_results(before, after)}


def test_bits_come_back():
    bits = np.random.default_rng(0).random(37) < 0.5
    np.testing.assert_array_equal(unpack_bits(pack_bits(bits), 37), bits)


def test_noise_is_no_change():
    found = verdicts(result(right(1000, 700)), result(right(1000, 697), p50=0.53, rss=75))
    assert set(found.values()) == {""}
    assert len(found) == 4


def test_what_is_beyond_noise():
    found = verdicts(result(right(1000, 700)), result(right(1000, 680), p50=0.6, rss=60))
    assert found == {
        "accuracy, %": "worse",
        "crop to scores, 1 thread, p50 ms": "worse",
        "network, 1 thread, p50 ms": "worse",
        "memory, 1 thread, MB": "better",
    }


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (
            result(right(1000, 700), sha="1" * 64),
            r"SHA-256 of the data '0+\.\.\.0+' in the first, '1+\.\.\.1+' in the second",
        ),
        (result(right(900, 700)), "number of faces 1000 in the first, 900 in the second"),
    ],
)
def test_results_of_other_faces_are_rejected(other, complaint):
    with pytest.raises(DataError, match=f"different faces .{complaint}.: expected results with the same --data"):
        compare_results(result(right(1000, 700)), other)


def write(path, table):
    path.write_text(json.dumps(table))
    return path


def test_the_command(mien, tmp_path):
    old = result(right(1000, 700))
    new = result(right(1000, 700), p50=0.9)
    new["models"].append({**copy.deepcopy(new["models"][0]), "name": "only-here"})
    a, b = write(tmp_path / "a.json", old), write(tmp_path / "b.json", new)
    done = mien("benchmark", "compare", a, b)
    assert done.code == 0, done.err
    rows = [line for line in done.out.splitlines() if "crop to scores" in line]
    assert rows[0].split()[-4:] == ["0.5", "0.9", "1.80", "worse"]
    assert "only in B: only-here" in done.out
    done = mien("benchmark", "compare", a, b, "--fail-on-regression")
    assert done.code == 1
    assert "2 figures worse than noise: a: crop to scores, 1 thread, p50 ms 0.5 -> 0.9" in done.error_line()
    assert mien("benchmark", "compare", b, a, "--fail-on-regression").code == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "cannot read"),
        ("{", "is not JSON"),
        ("[]", "schema_version None"),
        ('{"schema_version": 99}', "schema_version 99: expected a results.json of version 1"),
        (
            json.dumps(result(right(9, 5), name="other")),
            "no model is in both results: a in the first, other in",
        ),
    ],
)
def test_what_cannot_be_compared(mien, tmp_path, text, complaint):
    a, b = write(tmp_path / "a.json", result(right(9, 5))), tmp_path / "b.json"
    if text is not None:
        b.write_text(text)
    done = mien("benchmark", "compare", a, b)
    assert done.code == 1
    assert complaint in done.error_line()
