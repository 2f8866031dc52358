"""Runs one input, and decides how it ended."""

import traceback
import unicodedata
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import click

from tests.fuzz.target import Target

#: The longest message in characters: a person has to read it.
MAX_MESSAGE = 2000
_MAX_TRACE = 8000
#: Categories of Unicode that may not be in a message: control characters, which change a terminal, surrogates, which
#: cannot be written, and separators of lines.
_BAD_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class Outcome:
    """How one input ended.

    Attributes:
        ending: `accepted`, `rejected` or `finding`.
        text: the message of the rejection or of the finding, one line.
        kind: of a finding: the type of the error, or `message` for a message that is not as it should be.
        place: of a finding: the file and line that raised the error.
        trace: of a finding: the traceback.
    """

    ending: Literal["accepted", "rejected", "finding"]
    text: str = ""
    kind: str = ""
    place: str = ""
    trace: str = ""


def examine(target: Target, data: bytes) -> Outcome:
    """Run one input."""
    try:
        target.run(data)
    except target.errors as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        problem = _problem(message)
        if problem:
            return _finding(error, "message", f"{problem}: {message!r}")
        return Outcome("rejected", message)
    except KeyboardInterrupt:
        raise
    # Whatever else it is, it is a finding.
    except BaseException as error:
        return _finding(error, type(error).__name__, str(error))
    return Outcome("accepted")


def _problem(message: str) -> str:
    if not message.strip():
        return "the message is empty"
    if len(message) > MAX_MESSAGE:
        return f"the message has {len(message)} characters"
    bad = next((char for char in message if unicodedata.category(char) in _BAD_CATEGORIES), None)
    return "" if bad is None else f"the message has the character {bad!r}"


def _finding(error: BaseException, kind: str, text: str) -> Outcome:
    line = " ".join(text.split())[:200].encode("ascii", "backslashreplace").decode()
    # A RecursionError has a thousand lines, which are all the same.
    trace = "".join(traceback.format_exception(error, limit=-12))[-_MAX_TRACE:]
    return Outcome("finding", line, kind, _place(error.__traceback__), trace)


def _place(trace: TracebackType | None) -> str:
    """The last line of mien's own code in a traceback, or of any code."""
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "/tests/" not in frame.filename]
    own = [
        frame for frame in own if any(f"/{room}/" in frame.filename for room in ("edge", "train", "convert", "deploy"))
    ]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"
