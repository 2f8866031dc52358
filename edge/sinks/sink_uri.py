"""The URI by which the command line names a sink: `NAME:TARGET?key=value&key=value`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from edge.errors import WrongUseError
from edge.system.addresses import without_credentials
from edge.system.durations import duration_range, parse_duration
from edge.system.untrusted_text import printable


@dataclass(frozen=True)
class SinkUri:
    """The parts of a sink's URI.

    Attributes:
        scheme: the text before the first colon: the name under which the sink is registered.
        target: the text after the colon, without the options.
        options: the options, percent-decoded.
    """

    scheme: str
    target: str
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SinkUri:
        """Split `text` into its parts. A question mark that no `key=` follows belongs to the target.

        Raises:
            WrongUseError: an option is given twice, or has no value; or there is a NUL character.
        """
        if "\0" in unquote(text):
            raise WrongUseError(f"wrong sink {without_credentials(text)!r}: expected no NUL character in it")
        scheme, _, rest = text.partition(":")
        target, mark, query = rest.rpartition("?")
        if not mark or not re.match(r"\w+=", query):
            return cls(scheme, rest)
        options: dict[str, str] = {}
        for pair in query.split("&"):
            key, _, value = pair.partition("=")
            if not key or not value or key in options:
                raise WrongUseError(
                    f"wrong option {pair!r} of sink {without_credentials(text)!r}: expected key=value, each key once"
                )
            options[key] = unquote(value)
        return cls(scheme, target, options)

    @property
    def name(self) -> str:
        """The sink's name in logs and metrics: the URI without user, password and options, printable."""
        return printable(without_credentials(f"{self.scheme}:{self.target}" if self.target else self.scheme))

    def check_options(self, known: Sequence[str]) -> None:
        """Reject unknown options.

        Raises:
            WrongUseError: an option is not among `known`; the message suggests the nearest.
        """
        for key in self.options:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known) or 'none'}"
                raise WrongUseError(f"unknown option {key!r} of sink {self.name}: {hint}")

    def integer(self, key: str, default: int, lowest: int, highest: int) -> int:
        """Return the value of an option that is a whole number.

        Raises:
            WrongUseError: it is not a whole number, or out of range.
        """
        value = self.options.get(key, str(default))
        if not re.fullmatch(r"\d{1,9}", value) or not lowest <= int(value) <= highest:
            raise self.invalid_option(key, f"a whole number from {lowest} to {highest}")
        return int(value)

    def decimal(self, key: str, default: float, lowest: float, highest: float) -> float:
        """Return the value of an option that is a decimal number.

        Raises:
            WrongUseError: it is not a decimal number, or out of range.
        """
        value = self.options.get(key, str(default))
        is_number = re.fullmatch(r"([0-9]{1,9}\.?[0-9]{0,9}|\.[0-9]{1,9})", value)
        if not is_number or not lowest <= float(value) <= highest:
            raise self.invalid_option(key, f"a number from {lowest:g} to {highest:g}")
        return float(value)

    def duration_s(self, key: str, default_s: float, lowest_s: float, highest_s: float) -> float:
        """Return the value of an option that is a duration, in seconds.

        Raises:
            WrongUseError: it is not a duration, or out of range.
        """
        if key not in self.options:
            return default_s
        try:
            return parse_duration(self.options[key], lowest_s, highest_s)
        except WrongUseError:
            raise self.invalid_option(key, f"a duration of {duration_range(lowest_s, highest_s)}") from None

    def names(self, key: str) -> tuple[str, ...]:
        """Return the value of an option that is a list of names with commas between them; empty without the option.

        Raises:
            WrongUseError: a name is empty.
        """
        if key not in self.options:
            return ()
        names = tuple(name.strip() for name in self.options[key].split(","))
        if not all(names):
            raise self.invalid_option(key, "names with commas between them, such as happy,surprise")
        return names

    def invalid_option(self, key: str, expected: str) -> WrongUseError:
        """Return the error for an option whose value is not what was expected."""
        return WrongUseError(f"{key}={self.options[key]!r} of sink {self.name}: expected {expected}")

    def invalid_target(self, expected: str) -> WrongUseError:
        """Return the error for a target that is not what was expected."""
        return WrongUseError(f"wrong sink {self.name!r}: expected {expected}")
