"""A sink that can be opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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
        files_sha256: of the files that its options name, such as tokens and certificates: it changes with them.
    """

    name: str
    open: Callable[[], Sink] = field(compare=False)
    capacity: int = CAPACITY
    uri: str = field(default="", repr=False)
    files_sha256: str = ""
