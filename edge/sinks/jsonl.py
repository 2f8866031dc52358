"""`jsonl:PATH`: one JSON object a line."""

from __future__ import annotations

import json

from edge.sinks.text import TextSink
from edge.types import Event


class JsonLinesSink(TextSink):
    """Events as the contract has them."""

    def write(self, event: Event) -> None:
        """Append one event."""
        self.write_text(json.dumps(event.as_dict()) + "\n")
