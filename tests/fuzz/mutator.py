"""Damages inputs at random: the same random generator makes the same changes."""

import random
from collections.abc import Callable, Sequence

from tests.fuzz.json_changes import change_json
from tests.fuzz.target import Target

Change = Callable[[bytearray, random.Random], None]

#: Integers at which fields overflow, change their sign, or are empty.
_INTEGERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 63) - 1,
    1 << 63,
)
_TEXTS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"\r\n", b"\x1b[2J", b"\xe2\x80\xae", b"%s%n",
    b"-1", b"1e400", b"nan", b"inf", b"0x10", b"9" * 20, b"9" * 5000, b"[" * 3000, b'"', b"'", b"../", b"\t", b"\x7f",
)  # fmt: skip
_LONGEST_RUN = 20_000


class Mutator:
    """Damages the inputs of one target.

    Args:
        target: whose kind, tokens and corpus are used.
        seeds: valid inputs.
    """

    def __init__(self, target: Target, seeds: Sequence[bytes]) -> None:
        self._target, self._seeds = target, seeds

    def fresh(self, choice: random.Random) -> bytes:
        """Return a seed with some changes."""
        return self.mutate(choice.choice(self._seeds), choice)

    def mutate(self, data: bytes, choice: random.Random) -> bytes:
        """Return an input with some changes: few, as a rule, so that it gets past the first checks."""
        for _ in range(1 + min(int(choice.expovariate(0.7)), 8)):
            data = self._change(data, choice)
        return self._target.repair(data[: self._target.max_bytes], choice)[: self._target.max_bytes]

    def _change(self, data: bytes, choice: random.Random) -> bytes:
        if self._target.kind == "json" and choice.random() < 0.8:
            changed = change_json(data, choice)
            if changed is not None:
                return changed
        if choice.random() < 0.05:
            return _spliced(data, choice.choice(self._seeds), choice)
        buffer = bytearray(data)
        if self._target.tokens and choice.random() < 0.2:
            _put(buffer, choice.choice(self._target.tokens), choice)
            return bytes(buffer)
        changes = LINE_CHANGES if self._target.kind == "lines" and choice.random() < 0.6 else BYTE_CHANGES
        choice.choice(changes)(buffer, choice)
        return bytes(buffer)


def _flip_bit(data: bytearray, choice: random.Random) -> None:
    if data:
        data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)


def _set_byte(data: bytearray, choice: random.Random) -> None:
    if data:
        data[choice.randrange(len(data))] = choice.randrange(256)


def _set_integer(data: bytearray, choice: random.Random) -> None:
    """Overwrite 1 to 8 bytes by a notable integer, or by one near what was there."""
    size = choice.choice((1, 2, 4, 8))
    if len(data) < size:
        return
    offset, order = choice.randrange(len(data) - size + 1), choice.choice(("little", "big"))
    value = choice.choice(_INTEGERS)
    if choice.random() < 0.3:
        value = int.from_bytes(data[offset : offset + size], order) + choice.randint(-16, 16)
    data[offset : offset + size] = (value % (1 << 8 * size)).to_bytes(size, order)


def _span(data: bytearray, choice: random.Random) -> slice:
    start = choice.randrange(len(data) + 1)
    return slice(start, start + int(choice.expovariate(1 / 16)) + 1)


def _remove(data: bytearray, choice: random.Random) -> None:
    del data[_span(data, choice)]


def _repeat(data: bytearray, choice: random.Random) -> None:
    span = _span(data, choice)
    part = bytes(data[span])
    times = choice.choice((1, 1, 2, 16, 1000))
    data[span.start : span.start] = (part * times)[:_LONGEST_RUN]


def _move(data: bytearray, choice: random.Random) -> None:
    span = _span(data, choice)
    part = bytes(data[span])
    del data[span]
    _put(data, part, choice)


def _truncate(data: bytearray, choice: random.Random) -> None:
    del data[choice.randrange(len(data) + 1) :]


def _append(data: bytearray, choice: random.Random) -> None:
    data += choice.randbytes(choice.randrange(1, 64))


def _put_text(data: bytearray, choice: random.Random) -> None:
    _put(data, choice.choice(_TEXTS), choice)


def _put(data: bytearray, part: bytes, choice: random.Random) -> None:
    """Insert a text, or overwrite what is there by it."""
    offset = choice.randrange(len(data) + 1)
    data[offset : offset + len(part) * choice.randrange(2)] = part


def _change_number(data: bytearray, choice: random.Random) -> None:
    """Replace digits in a text by another number."""
    starts = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
    if starts:
        start = end = choice.choice(starts)
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        texts = ("0", "-1", "255", "256", "65536", "4294967296", "-9223372036854775809", "1e309", "9" * 400, "٣", "")
        data[start:end] = choice.choice(texts).encode()


def _spliced(data: bytes, other: bytes, choice: random.Random) -> bytes:
    return data[: choice.randrange(len(data) + 1)] + other[choice.randrange(len(other) + 1) :]


def _change_lines(data: bytearray, choice: random.Random) -> None:
    """Remove, repeat, exchange or join lines."""
    lines = bytes(data).splitlines(keepends=True)
    if not lines:
        return
    i, j = choice.randrange(len(lines)), choice.randrange(len(lines))
    what = choice.randrange(5)
    if what == 0:
        del lines[i]
    elif what == 1:
        lines[i:i] = [lines[j]] * choice.choice((1, 2, 200))
    elif what == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif what == 3:
        lines[i] = lines[i].rstrip(b"\r\n")
    else:
        lines[i] = lines[i].rstrip(b"\r\n") + choice.choice((b"\r\n", b"\r", b"\n\n", b"\0\n"))
    data[:] = b"".join(lines)[: 1 << 20]


def _change_fields(data: bytearray, choice: random.Random) -> None:
    """Remove, repeat, exchange or replace fields of one line."""
    lines = bytes(data).splitlines(keepends=True)
    if not lines:
        return
    number, separator = choice.randrange(len(lines)), choice.choice((b",", b" ", b"=", b": ", b"/", b"&", b'"'))
    fields = lines[number].split(separator)
    i, j = choice.randrange(len(fields)), choice.randrange(len(fields))
    what = choice.randrange(4)
    if what == 0:
        del fields[i]
    elif what == 1:
        fields[i:i] = [fields[j]] * choice.choice((1, 2, 100))
    elif what == 2:
        fields[i], fields[j] = fields[j], fields[i]
    else:
        fields[i] = choice.choice(_TEXTS)
    lines[number] = separator.join(fields)
    data[:] = b"".join(lines)[: 1 << 20]


BYTE_CHANGES: tuple[Change, ...] = (
    _flip_bit, _flip_bit, _set_byte, _set_byte, _set_integer, _set_integer, _set_integer, _remove, _repeat, _move,
    _truncate, _append, _put_text, _change_number,
)  # fmt: skip
LINE_CHANGES: tuple[Change, ...] = (_change_lines, _change_fields, _change_fields, _change_number, _put_text)
