"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: `note`: worth knowing; `warning`: works, but not as well as it could; `broken`: some part of mien does not work.
State = Literal["ok", "note", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        subject: what was checked.
        state: the condition that it is in.
        message: what was found, in one line.
        fix: the command or the sentence that fixes it; empty where nothing needs fixing.
    """

    subject: str
    state: State
    message: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as one object of `mien doctor --json`."""
        # `said` is what `message` was called at first; scripts may still read it.
        return {
            "subject": self.subject,
            "state": self.state,
            "message": self.message,
            "said": self.message,
            "fix": self.fix,
        }
