"""A sink that can be opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.sinks.message_filter import MessageFilter, check_expressions
from edge.sinks.sink import Sink
from edge.sinks.sink_worker import CAPACITY


@dataclass(frozen=True)
class PreparedSink:
    """A sink whose URI has been checked, and which is not open yet.

    Two are equal if they open the same sink with the same options and the same contents of the files that these name.

    Attributes:
        name: for logs and metrics; contains no secret.
        open: opens the sink; raises SinkError if it can never be written to.
        capacity: how many messages may wait for it.
        uri: by which it was named; may contain a password.
        filter: selects the messages that it receives; None for all. It follows from the URI.
        expressions: the labels that its options name.
        files_sha256: of the files that its options name, such as tokens and certificates: it changes with them.
    """

    name: str
    open: Callable[[], Sink] = field(compare=False)
    capacity: int = CAPACITY
    uri: str = field(default="", repr=False)
    filter: MessageFilter | None = field(default=None, compare=False)
    expressions: tuple[str, ...] = ()
    files_sha256: str = ""

    def check_labels(self, labels: Sequence[str]) -> None:
        """Check that the model has the expressions that the options name.

        Args:
            labels: what events may have as their `emotion`, `uncertain` included.

        Raises:
            WrongUseError: it does not have one of them.
        """
        check_expressions(self.name, self.expressions, labels)
