"""What the capture process's last lines of output state about a failure."""

from __future__ import annotations

import re

from edge.system.processes import last_line

#: FFmpeg's prefix, which names the library: `[rtsp @ 0x55...] `.
_FFMPEG = re.compile(r"^\[[^\]]*\]\s*")
#: libcamera's prefix: time since boot, thread, level, category, file and line, as in
#: `[0:03:14.123456789] [1234] ERROR Virtual virtual.cpp:246 `.
_LIBCAMERA = re.compile(
    r"^\[\d+:\d\d:\d\d\.\d+\]\s+\[\d+\]\s+(?P<level>DEBUG|INFO|WARN|ERROR|FATAL)\s+\S+\s+(?:\S+\.(?:cpp|h):\d+\s+)?"
)
#: Terminal colors, which libcamera writes into a pipe as well.
_COLOR = re.compile(r"\x1b\[[\d;]*m")
#: libcamera's levels that explain a failure. It states its version as INFO, and what it does without as WARN.
_REASONS = ("ERROR", "FATAL")


def stated_reason(output: bytes) -> str:
    """The last line that may explain a failure, without the prefix of the library that wrote it.

    Args:
        output: the last output of the process.

    Returns:
        The line; empty if there is none.
    """
    lines = []
    for line in _COLOR.sub("", output.decode("utf-8", "replace")).splitlines():
        prefix = _LIBCAMERA.match(line)
        if prefix is None:
            lines.append(_FFMPEG.sub("", line))
        elif prefix["level"] in _REASONS:
            lines.append(line[prefix.end() :])
    return last_line("\n".join(lines))
