import numpy as np
import pytest
from scipy.stats import binomtest

from edge.benchmark.intervals import bootstrap, mcnemar, median, wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 56), (2464, 3589), (10, 10)])
def test_wilsons_interval_is_the_textbooks(hits, n):
    ours = wilson(hits, n)
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    assert (ours.value, ours.low, ours.high) == pytest.approx((hits / n, theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing_is_everything():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (5, 5), (2, 9), (40, 38), (300, 200), (1500, 900)])
def test_mcnemar_is_the_exact_binomial_test(a, b):
    right_a = np.array([True] * a + [False] * b + [True] * 50)
    right_b = np.array([False] * a + [True] * b + [True] * 50)
    expected = binomtest(min(a, b), a + b).pvalue if a + b else 1.0
    assert mcnemar(right_a, right_b) == pytest.approx(expected, rel=1e-6, abs=1e-300)
    assert mcnemar(right_b, right_a) == mcnemar(right_a, right_b)


def test_a_bootstrap_interval_of_a_mean_is_as_wide_as_theory_has_it():
    values = np.random.default_rng(1).normal(10, 2, 400)
    found = bootstrap(lambda counts: float((values * counts).sum() / counts.sum()), len(values))
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert found.high - found.value == pytest.approx(half, rel=0.15)
    assert found.value - found.low == pytest.approx(half, rel=0.15)


def test_a_median_and_its_interval():
    found = median(np.array([3.0]))
    assert (found.value, found.low, found.high) == (3.0, 3.0, 3.0)
    found = median(np.arange(101.0))
    assert found.value == 50
    assert 30 < found.low < 50 < found.high < 70
