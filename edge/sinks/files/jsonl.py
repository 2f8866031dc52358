"""`jsonl:PATH`: one JSON object a line."""

from __future__ import annotations

import json

from edge.sinks.files.text_sink import TextSink
from edge.types import Message


class JsonLinesSink(TextSink):
    """Events as the contract has them.

    What happens to the source (`online`, `stalled`, `offline`) has lines of its own: with `reason`, without `track_id`.
    """

    def write(self, message: Message) -> None:
        """Append one line."""
        self._lines.write(json.dumps(message.as_dict()) + "\n")
