"""How far a figure on some thousand faces can be trusted: intervals, and tests between two models. numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Two-sided 95 % of the normal distribution.
Z95 = 1.959963984540054
#: Resamples of a bootstrap interval.
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; rates are 0..1."""

    value: float
    low: float
    high: float


def wilson(hits: int, n: int) -> Estimate:
    """A share with its 95 % score interval (Wilson, 1927; as in Brown, Cai and DasGupta, 2001).

    Args:
        hits: how often it was so.
        n: out of how many; the interval of none is all of 0..1.
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
    """A figure over n items with its 95 % percentile interval (Efron, 1979).

    Args:
        figure: from how often each item counts, `(n,)` int64, to the figure.
        n: items.
        seed: of the resampling.
        resamples: how many.
    """
    random = np.random.default_rng(seed)
    drawn = [figure(np.bincount(random.integers(0, n, n), minlength=n)) for _ in range(resamples)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(figure(np.ones(n, np.int64)), float(low), float(high))


def median(values: npt.NDArray[np.floating[Any]], seed: int = 0) -> Estimate:
    """The median of some values with its 95 % bootstrap interval; of one value, that value."""
    random = np.random.default_rng(seed)
    drawn = np.median(random.choice(values, (RESAMPLES, len(values))), axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(float(np.median(values)), float(low), float(high))


def mcnemar(right_a: npt.NDArray[np.bool_], right_b: npt.NDArray[np.bool_]) -> float:
    """Probability of so uneven a split, or a more uneven one, of the faces that only one of two models gets right.

    McNemar's test in its exact, two-sided form: the split is binomial if both are equally good.

    Args:
        right_a: `(n,)` whether the one answered each face rightly.
        right_b: `(n,)` whether the other did.
    """
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    n, fewer = only_a + only_b, min(only_a, only_b)
    # In logarithms: 2**-n is 0 in floats from n = 1075 on.
    terms = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(fewer + 1)
    ]
    return min(1.0, 2 * sum(math.exp(term) for term in terms))
