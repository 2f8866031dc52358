"""Changes to a JSON text that keep it JSON, or nearly: values, keys, nesting, repeated keys."""

import json
import random
from collections.abc import Iterator
from typing import Any

#: What a parser may not expect in the place of any value.
VALUES = (
    "null", "true", "false", "0", "-0", "-1", "1", "2", "0.5", "1e400", "-1e400", "1e-400", "NaN", "Infinity",
    "-Infinity", "255", "2147483648", "4294967296", "9223372036854775808", "9" * 400, "9" * 5000, '""', '" "',
    '"\\u0000"', '"\\ud800"', '"\\u001b[2J"', '"a\\nb"', '"\\u202e"', '"\\u2028"', '"../../x"', '"/"', '"é"',
    '"' + "x" * 30_000 + '"', "[]", "{}", "[[]]", "[null]", "[{}]", '{"": null}', "[" * 900 + "]" * 900, "[" * 100_000,
    '{"a":' * 20_000, "", "[" + "1," * 5000 + "1]",
)  # fmt: skip
_MAX_NODES = 5000


class _Raw(str):
    """A text that is written as it is."""


class _Object(list):
    """The pairs of an object, in order; keys may be repeated."""


def change_json(data: bytes, choice: random.Random) -> bytes | None:
    """Return the text with one change; None if it is no JSON."""
    try:
        root = json.loads(data, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        return None
    holder = [root]
    try:
        places = list(_places(holder))
        container, position = choice.choice(places)
        _change(container, position, choice, places)
        if not holder:
            return b""
        return _dump(holder[0]).encode("utf-8", "surrogatepass")
    except RecursionError:
        return None


def _places(container: list) -> Iterator[tuple[list, int]]:
    """Every place that holds a value: its container and its position."""
    todo, n = [container], 0
    while todo and n < _MAX_NODES:
        found = todo.pop()
        for position, item in enumerate(found):
            n += 1
            value = item[1] if isinstance(found, _Object) else item
            yield found, position
            if isinstance(value, list):
                todo.append(value)


def _change(container: list, position: int, choice: random.Random, places: list[tuple[list, int]]) -> None:
    item = container[position]
    what = choice.randrange(10)
    if what <= 4:
        _set(container, position, _Raw(choice.choice(VALUES)))
    elif what == 5:
        del container[position]
    elif what == 6:
        container[position:position] = [item] * choice.choice((1, 1, 2, 300))
    elif what == 7 and isinstance(container, _Object):
        container[position] = (
            choice.choice((item[0] + "x", item[0][:-1], "", "\0", "\ud800", item[0].upper())),
            item[1],
        )
    elif what == 8:
        other, place = choice.choice(places)
        if place < len(other):
            _set(container, position, _Raw(_dump(_value(other, place))))
    else:
        value = _dump(_value(container, position))
        _set(
            container,
            position,
            _Raw(choice.choice((f"[{value}]", f'{{"a": {value}}}', f'"{value}"', f"{value}{value}"))),
        )


def _value(container: list, position: int) -> Any:
    return container[position][1] if isinstance(container, _Object) else container[position]


def _set(container: list, position: int, value: Any) -> None:
    container[position] = (container[position][0], value) if isinstance(container, _Object) else value


def _dump(value: Any) -> str:
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, _Object):
        return "{" + ", ".join(f"{json.dumps(key)}: {_dump(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_dump, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 10_000:
        return "9" * 4000
    return json.dumps(value)
