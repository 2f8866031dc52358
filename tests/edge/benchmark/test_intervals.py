import numpy as np
import pytest
from scipy.stats import binomtest

from edge.benchmark.intervals import Estimate, bootstrap, mcnemar, median, paired_difference, wilson


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


def test_a_paired_difference_has_the_coverage_that_its_interval_claims():
    random = np.random.default_rng(0)
    n, only_a, only_b = 400, 0.06, 0.02
    covered = 0
    for _ in range(2000):
        a, b, _ = random.multinomial(n, (only_a, only_b, 1 - only_a - only_b))
        estimate = paired_difference(int(a), int(b), n)
        assert estimate.low <= estimate.value <= estimate.high
        covered += estimate.low <= only_a - only_b <= estimate.high
    assert 0.935 < covered / 2000 < 0.97
    assert paired_difference(0, 0, 0) == Estimate(0.0, -1.0, 1.0)
    none = paired_difference(0, 0, 1000)
    assert (none.value, -none.low) == (0.0, none.high)
    assert 0 < none.high < 0.01
