"""One thing that a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: `note`: worth knowing; `warning`: works, but not as well as it could; `broken`: something of mien does not work.
State = Literal["ok", "note", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        subject: what was looked at.
        state: how it is.
        said: what was found, in one line.
        fix: the command, or the sentence, that mends it; empty where nothing is to mend.
    """

    subject: str
    state: State
    said: str
    fix: str = ""
