"""C source text: literals and arrays."""

from __future__ import annotations

from collections.abc import Iterable

#: Longest line of an array.
_WIDTH = 110


def c_string(text: str) -> str:
    """Return a C string literal in ASCII, whatever the text contains.

    Every byte of UTF-8 that is not a plain ASCII character becomes an octal escape: those end after three digits, so
    that a digit behind one is not read as its part. `?` is escaped against trigraphs.
    """
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    return '"' + "".join(plain.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text.encode()) + '"'


def c_comment(text: str) -> str:
    """Return text for inside a C comment: on one line, in ASCII, and without an end of comment."""
    ascii_text = text.encode("ascii", "replace").decode()
    return " ".join(ascii_text.split()).replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")


def c_array(values: Iterable[object]) -> str:
    """Return the lines between the braces of an array's initializer."""
    lines, line = [], " "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > _WIDTH:
            lines.append(line)
            line = " "
        line += item
    return "\n".join([*lines, line])


def c_float(value: float) -> str:
    """Return a float literal that gives the same float32."""
    text = f"{value:.9g}"
    return f"{text if any(mark in text for mark in '.en') else text + '.0'}f"
