"""The sink `jsonl:PATH`: one JSON object a line."""

from __future__ import annotations

import json

from edge.sinks.files.text_sink import TextSink
from edge.types import Message


class JsonLinesSink(TextSink):
    """Writes events as JSON lines, in the format that the event's JSON Schema describes.

    Changes of the source's state (`online`, `stalled`, `offline`) are lines of their own: with `reason`, without
    `track_id`.
    """

    usage = "jsonl:PATH[?rotate=10MB&keep=5], jsonl:-"

    def write(self, message: Message) -> None:
        """Append one line."""
        self._lines.write(json.dumps(message.as_dict()) + "\n")
