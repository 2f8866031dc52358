"""A sink as the command line names it: `KIND:TARGET?key=value&key=value`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from edge.errors import WrongUseError


def without_user(spec: str) -> str:
    """A spec that may be shown: what stands before an `@` may be a password, what follows a `?` may be long."""
    return re.sub(r"//.*@", "//***@", spec)


@dataclass(frozen=True)
class SinkUri:
    """One sink, taken apart.

    Attributes:
        kind: what stands before the first colon.
        target: what follows it, without the options.
        options: key to value, percent-decoded.
    """

    kind: str
    target: str
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SinkUri:
        """Take `text` apart. A question mark without a `key=` behind it belongs to the target.

        Raises:
            WrongUseError: a key is given twice, or has no value.
        """
        kind, _, rest = text.partition(":")
        target, mark, query = rest.rpartition("?")
        if not mark or not re.match(r"\w+=", query):
            return cls(kind, rest)
        options: dict[str, str] = {}
        for pair in query.split("&"):
            key, _, value = pair.partition("=")
            if not key or not value or key in options:
                raise WrongUseError(
                    f"wrong option {pair!r} of sink {without_user(text)!r}: expected key=value, each once"
                )
            options[key] = unquote(value)
        return cls(kind, target, options)

    @property
    def name(self) -> str:
        """What logs and metrics call the sink: without user and options."""
        user, at, host = self.target.rpartition("@")
        target = f"//{host}" if at and user.startswith("//") else self.target
        return f"{self.kind}:{target}" if target else self.kind

    def check_keys(self, known: Sequence[str]) -> None:
        """Refuse unknown options.

        Raises:
            WrongUseError: one is not among `known`; names the nearest.
        """
        for key in self.options:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known) or 'none'}"
                raise WrongUseError(f"unknown option {key!r} of sink {self.name}: {hint}")

    def number(self, key: str, default: int, lowest: int, highest: int) -> int:
        """A whole number among the options.

        Raises:
            WrongUseError: it is none, or out of range.
        """
        value = self.options.get(key, str(default))
        if not re.fullmatch(r"\d{1,9}", value) or not lowest <= int(value) <= highest:
            raise self.wrong(key, f"a whole number from {lowest} to {highest}")
        return int(value)

    def wrong(self, key: str, expected: str) -> WrongUseError:
        """The error for a value that is not what was expected."""
        return WrongUseError(f"{key}={self.options[key]!r} of sink {self.name}: expected {expected}")
