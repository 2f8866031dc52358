"""Which models are worth shipping: the Pareto front of accuracy against latency, and what to pick from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import MienError, WrongUseError


@dataclass(frozen=True)
class Point:
    """One model.

    Attributes:
        name: the model's.
        latency_ms: from crop to scores, median.
        accuracy: 0..1.
    """

    name: str
    latency_ms: float
    accuracy: float


def dominators(points: Sequence[Point]) -> dict[str, str | None]:
    """For each model the best one that is at least as quick and as accurate, and better in one; None on the front."""
    found: dict[str, str | None] = {}
    for point in points:
        better = [
            other
            for other in points
            if other.latency_ms <= point.latency_ms
            and other.accuracy >= point.accuracy
            and (other.latency_ms, other.accuracy) != (point.latency_ms, point.accuracy)
        ]
        found[point.name] = max(better, key=lambda p: (p.accuracy, -p.latency_ms)).name if better else None
    return found


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The models that no other dominates, quickest first."""
    dominated = dominators(points)
    return sorted((p for p in points if dominated[p.name] is None), key=lambda p: (p.latency_ms, p.name))


@dataclass(frozen=True)
class Constraint:
    """A condition that the model to ship must meet: a latency below, or an accuracy above, a limit."""

    text: str
    latency_below_ms: float | None = None
    accuracy_above: float | None = None

    def met_by(self, point: Point) -> bool:
        """Whether a model meets it."""
        if self.latency_below_ms is not None:
            return point.latency_ms < self.latency_below_ms
        assert self.accuracy_above is not None
        return point.accuracy > self.accuracy_above


def parse_constraint(text: str) -> Constraint:
    """Read `latency<5ms` or `accuracy>70` (percent).

    Raises:
        WrongUseError: it is neither.
    """
    plain = text.replace(" ", "").lower()
    latency = re.fullmatch(r"latency<=?(\d+\.?\d*|\.\d+)(ms|us|s)?", plain)
    if latency:
        unit_ms = {"s": 1000.0, "us": 0.001}.get(latency[2] or "ms", 1.0)
        return Constraint(text, latency_below_ms=float(latency[1]) * unit_ms)
    accuracy = re.fullmatch(r"accuracy>=?(\d+\.?\d*|\.\d+)%?", plain)
    if accuracy and float(accuracy[1]) <= 100:
        return Constraint(text, accuracy_above=float(accuracy[1]) / 100)
    raise WrongUseError(f"cannot read --pick {text!r}: expected 'latency<5ms' or 'accuracy>70' (percent)")


def pick(points: Sequence[Point], constraints: Sequence[Constraint]) -> Point:
    """Choose the model to ship: the most accurate that meets all constraints, or the quickest if all are on accuracy.

    Raises:
        MienError: none meets them.
    """
    meeting = [point for point in points if all(constraint.met_by(point) for constraint in constraints)]
    if not meeting:
        have = (
            ", ".join(f"{p.name} {p.latency_ms:.3g} ms {p.accuracy:.2%}" for p in pareto_front(points))
            or "none measured"
        )
        raise MienError(
            f"no model meets {' and '.join(constraint.text for constraint in constraints)}; the front is: {have}"
        )
    if all(constraint.latency_below_ms is None for constraint in constraints):
        return min(meeting, key=lambda p: (p.latency_ms, -p.accuracy))
    return max(meeting, key=lambda p: (p.accuracy, -p.latency_ms))
