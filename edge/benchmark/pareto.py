"""The Pareto front of accuracy against latency, and the choice of the model to ship."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import MienError, WrongUseError


@dataclass(frozen=True)
class Point:
    """One model as a point of accuracy and latency.

    Attributes:
        name: of the model.
        latency_ms: median latency from crop to scores.
        accuracy: 0..1.
    """

    name: str
    latency_ms: float
    accuracy: float


def dominators(points: Sequence[Point]) -> dict[str, str | None]:
    """Return for each model the best one that dominates it, or None if it is on the Pareto front.

    A model dominates another if it is at least as quick and as accurate, and better in one of the two.
    """
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
    """Return the models that no other dominates, quickest first."""
    dominated = dominators(points)
    return sorted((p for p in points if dominated[p.name] is None), key=lambda p: (p.latency_ms, p.name))


@dataclass(frozen=True)
class Constraint:
    """A condition that the model to ship must meet.

    Attributes:
        text: the condition as the user wrote it.
        latency_below_ms: limit of the latency; None for a condition on accuracy.
        accuracy_above: limit of the accuracy, 0..1; None for a condition on latency.
    """

    text: str
    latency_below_ms: float | None = None
    accuracy_above: float | None = None

    def met_by(self, point: Point) -> bool:
        """Return whether a model meets the condition."""
        if self.latency_below_ms is not None:
            return point.latency_ms < self.latency_below_ms
        assert self.accuracy_above is not None
        return point.accuracy > self.accuracy_above


def parse_constraint(text: str) -> Constraint:
    """Parse a constraint such as `latency<5ms` or `accuracy>70` (percent).

    Raises:
        WrongUseError: the text is neither.
    """
    plain = text.replace(" ", "").lower()
    latency = re.fullmatch(r"latency<=?(\d+\.?\d*|\.\d+)(ms|us|s)?", plain)
    if latency:
        unit_ms = {"s": 1000.0, "us": 0.001}.get(latency[2] or "ms", 1.0)
        return Constraint(text, latency_below_ms=float(latency[1]) * unit_ms)
    accuracy = re.fullmatch(r"accuracy>=?(\d+\.?\d*|\.\d+)%?", plain)
    if accuracy and 0 < float(accuracy[1]) < 1 and not plain.endswith("%"):
        percent = f"{100 * float(accuracy[1]):g}"
        raise WrongUseError(f"--pick {text!r}: expected an accuracy in percent; did you mean accuracy>{percent}?")
    if accuracy and float(accuracy[1]) <= 100:
        return Constraint(text, accuracy_above=float(accuracy[1]) / 100)
    raise WrongUseError(f"cannot read --pick {text!r}: expected 'latency<5ms' or 'accuracy>70' (percent)")


def pick(points: Sequence[Point], constraints: Sequence[Constraint]) -> Point:
    """Choose the model to ship: the most accurate that meets all constraints, or the quickest if all are on accuracy.

    Raises:
        MienError: no model meets all constraints.
    """
    meeting = [point for point in points if all(constraint.met_by(point) for constraint in constraints)]
    if not meeting:
        have = (
            ", ".join(f"{p.name} {p.latency_ms:.3g} ms {p.accuracy:.2%}" for p in pareto_front(points))
            or "none measured"
        )
        raise MienError(
            f"no model meets {' and '.join(constraint.text for constraint in constraints)}; the Pareto front is: {have}"
        )
    if all(constraint.latency_below_ms is None for constraint in constraints):
        return min(meeting, key=lambda p: (p.latency_ms, -p.accuracy))
    return max(meeting, key=lambda p: (p.accuracy, -p.latency_ms))
