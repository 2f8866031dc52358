import numpy as np
import pytest

from edge.pipeline.latency import Histogram, StageLatency
from edge.system.board import peak_rss_mb, temperature_c, throttled


def test_percentiles_are_within_one_percent_of_the_exact_ones():
    values = np.random.default_rng(0).lognormal(1, 1, 20000)
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    for share in (0.5, 0.95, 0.99):
        assert histogram.percentile(share) == pytest.approx(np.quantile(values, share), rel=0.01)
    assert histogram.summary()["max_ms"] == values.max()


def test_no_value_one_value_and_the_limits_of_the_range():
    histogram = Histogram()
    assert histogram.percentile(0.5) == 0
    histogram.add(3.0)
    assert histogram.percentile(0.5) == pytest.approx(3.0, rel=0.01)
    histogram.add(0.0)
    histogram.add(1e9)
    assert histogram.summary()["max_ms"] == 1e9


def test_stages_are_counted_and_those_of_a_frame_are_reset():
    latency = StageLatency(("a", "b"))
    with latency.stage("a"):
        pass
    assert set(latency.frame_ms) == {"a"}
    latency.start_frame()
    assert latency.frame_ms == {}
    assert set(latency.summary()) == {"a"}
    assert set(latency.summary()["a"]) == {"p50_ms", "p95_ms", "p99_ms", "max_ms"}


def test_readings_of_the_board(tmp_path):
    assert peak_rss_mb() > 10
    assert temperature_c(tmp_path / "none") is None
    assert throttled(tmp_path / "none") is None
    (tmp_path / "temp").write_text("48312\n")
    (tmp_path / "throttled").write_text("50005\n")
    assert temperature_c(tmp_path / "temp") == pytest.approx(48.312)
    assert throttled(tmp_path / "throttled") == "50005"
