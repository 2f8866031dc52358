"""Confidence intervals of a figure, and a significance test between two models. They need numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054
#: Number of resamples of a bootstrap interval.
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % confidence interval; rates are 0..1."""

    value: float
    low: float
    high: float


def wilson(hits: int, n: int) -> Estimate:
    """Return a share with its 95 % score interval (Wilson, 1927; as in Brown, Cai and DasGupta, 2001).

    Args:
        hits: number of successes.
        n: number of trials; without trials the interval is 0..1.
    """
    if n == 0:
        return Estimate(0.0, 0.0, 1.0)
    share = hits / n
    widened = 1 + Z95**2 / n
    middle = (share + Z95**2 / (2 * n)) / widened
    half = Z95 / widened * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return Estimate(share, max(middle - half, 0.0), min(middle + half, 1.0))


def bootstrap(
    figure: Callable[[npt.NDArray[np.int64]], float], n: int, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Return a figure over n items with its 95 % percentile interval (Efron, 1979).

    Args:
        figure: computes the figure from how often each item counts, `(n,)` int64.
        n: number of items.
        seed: of the resampling.
        resamples: number of resamples.
    """
    random = np.random.default_rng(seed)
    drawn = [figure(np.bincount(random.integers(0, n, n), minlength=n)) for _ in range(resamples)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(figure(np.ones(n, np.int64)), float(low), float(high))


def median(values: npt.NDArray[np.floating[Any]], seed: int = 0) -> Estimate:
    """Return the median of some values with its 95 % bootstrap interval; for one value, that value.

    Args:
        values: `(n,)`, at least one.
        seed: of the resampling.
    """
    random = np.random.default_rng(seed)
    drawn = np.median(random.choice(values, (RESAMPLES, len(values))), axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(float(np.median(values)), float(low), float(high))


def mcnemar(correct_a: npt.NDArray[np.bool_], correct_b: npt.NDArray[np.bool_]) -> float:
    """Return the p-value of McNemar's exact, two-sided test between two models.

    Of the faces that only one model predicts correctly, each model's share is binomial if both are equally good; the
    p-value is the probability of a split at least as uneven as the observed one.

    Args:
        correct_a: `(n,)` bool, whether the first model predicts each face correctly.
        correct_b: `(n,)` bool, whether the second model does.
    """
    return mcnemar_of_counts(int((correct_a & ~correct_b).sum()), int((~correct_a & correct_b).sum()))


def mcnemar_of_counts(only_a: int, only_b: int) -> float:
    """Return the p-value of McNemar's exact, two-sided test.

    Args:
        only_a: number of faces that only the first model predicts correctly.
        only_b: number of faces that only the second one does.
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    # In logarithms, because 2**-n is 0 as a float from n = 1075 on.
    terms = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(fewer + 1)
    ]
    return min(1.0, 2 * sum(math.exp(term) for term in terms))


def paired_difference(only_a: int, only_b: int, n: int) -> Estimate:
    """Return how much better the first of two models is on the same faces, with its 95 % interval.

    The interval is Wald's after half a face is added to each of the four cells (Agresti and Min, 2005).

    Args:
        only_a: number of faces that only the first model predicts correctly.
        only_b: number of faces that only the second one does.
        n: number of all faces; without faces the interval is -1..1.
    """
    if n == 0:
        return Estimate(0.0, -1.0, 1.0)
    a, b, total = only_a + 0.5, only_b + 0.5, n + 2
    middle = (a - b) / total
    half = Z95 * math.sqrt((a + b) - (a - b) ** 2 / total) / total
    return Estimate((only_a - only_b) / n, max(middle - half, -1.0), min(middle + half, 1.0))
