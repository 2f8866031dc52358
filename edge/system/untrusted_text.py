"""Text from outside (file names, labels, answers of servers), made safe to show and to write into tables."""

from __future__ import annotations

#: A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV Injection).
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str) -> str:
    r"""Replace what is not printable by escapes such as `\x1b`, and keep the rest.

    Control characters could take over a terminal, a line break could forge a line of the log or of a protocol, and lone
    surrogates (from file names that are not UTF-8) cannot be encoded at all.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: str) -> str:
    """Return a text as one printable line: lines are joined by spaces."""
    return printable(" ".join(line.strip() for line in text.splitlines()))


def spreadsheet_cell(value: object) -> object:
    """Return what to write into a cell of a CSV file so that a spreadsheet shows text and computes nothing.

    Text that looks like a formula gets an apostrophe in front, as OWASP recommends; numbers stay as they are.
    """
    if isinstance(value, str) and value.startswith(_FORMULA_SIGNS):
        return f"'{value}"
    return value
