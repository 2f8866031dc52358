"""Reads JSON lines from a file that a running program still appends to."""

import json


def complete_lines(path):
    """The objects of the lines that are complete; none without a file.

    A reader can meet a line of which only the beginning is written.
    """
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
