"""What a target does with a graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from edge.inference.flatbuffer import Operation

#: Operations that are named one by one, before "...".
_NAMED = 6


@dataclass(frozen=True)
class LeftOperation:
    """An operation that a target does not take.

    Attributes:
        operation: the operation.
        reason: why, in words; empty where the target does not report it.
    """

    operation: Operation
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        where = self.operation
        return {"index": where.index, "kind": where.kind, "layer": where.layer, "reason": self.reason}


@dataclass(frozen=True)
class TargetReport:
    """What a target does with a graph.

    Attributes:
        target: its name.
        source: where that is known from.
        operations: number of all operations.
        left: operations that the target does not take, in the order of the graph.
        partitions: number of parts that the target runs, each as one; None for a target that has none.
        note: one more line; empty if there is none.
    """

    target: str
    source: str
    operations: int
    left: tuple[LeftOperation, ...]
    partitions: int | None = None
    note: str = ""

    @property
    def is_split(self) -> bool:
        """Whether operations that are left separate parts that the target could run as one."""
        return self.partitions is not None and self.partitions > 1

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "target": self.target,
            "source": self.source,
            "operations": self.operations,
            "partitions": self.partitions,
            "left": [each.as_dict() for each in self.left],
            "note": self.note,
        }

    def as_text(self) -> str:
        """Return one line."""
        parts = "" if self.partitions is None else f" in {self.partitions} part{'' if self.partitions == 1 else 's'}"
        text = f"{self.target} takes {self.operations - len(self.left)} of {self.operations} operations{parts}"
        if not self.left:
            return text
        kinds = Counter(each.operation.kind for each in self.left).most_common()
        named = ", ".join(each.operation.layer for each in self.left[:_NAMED])
        return (
            f"{text}; not {', '.join(f'{n} {kind}' for kind, n in kinds)} "
            f"({named}{', ...' if len(self.left) > _NAMED else ''})"
        )

    def as_lines(self) -> list[str]:
        """Return the report as lines: the operations that are left with their reasons, and the source."""
        lines = [self.as_text()]
        lines += [
            f"  {each.operation.index:>3} {each.operation.kind}, {each.operation.layer}"
            + (f": {each.reason}" if each.reason else "")
            for each in self.left
        ]
        if self.note:
            lines.append(self.note)
        return [*lines, f"source: {self.source}"]
