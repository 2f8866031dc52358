"""Sinks that write lines of text, to a file or to standard output: `JsonLinesSink` and `CsvSink`.

Both derive from `TextSink`, as does the console. `TextSink` writes to a `LineFile`, whose size a `Rotation` may limit,
or to `StandardOutput`. This module exports nothing: the sinks are opened by their URIs.
"""
