"""One-line messages for what pydantic finds wrong in a recipe: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge.errors import shown

#: What a value of the wrong type should have been, by pydantic's name of the error.
_EXPECTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a table",
}
_RANGE_ERRORS = ("greater_than_equal", "less_than_equal", "finite_number")


def describe(error: ValidationError, where: str, sections: Mapping[str, type[Any]]) -> str:
    """The first error of a recipe as one line.

    Args:
        error: what pydantic raised.
        where: names the recipe: its file, or `the command line`.
        sections: the dataclass of each table of a recipe, by its key; of the recipe itself by the empty string.
    """
    # A misspelled key first: with it another key is missing, which would mislead.
    details = sorted(error.errors(), key=lambda one: one["type"] != "unexpected_keyword_argument")[0]
    *path, key = details["loc"]
    section = str(path[0]) if path else ""
    if section:
        place = where if where == "the command line" else f"{where}, {_heading(section)},"
    else:
        place = where
    return _message(details, str(key), place, sections)


def _message(details: ErrorDetails, key: str, place: str, sections: Mapping[str, type[Any]]) -> str:
    kind, value = details["type"], details["input"]
    section = str(details["loc"][0]) if len(details["loc"]) > 1 else ""
    if kind == "unexpected_keyword_argument":
        known = [field.name for field in fields(sections[section])]
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        return f"unknown key {shown(key)} in {place.rstrip(',')}: {hint}"
    if kind == "missing":
        return f"{place} lacks {key}"
    if kind == "tuple_type":
        return f"{key} in {place} is {shown(value)}: expected tables, each with the heading [[{key}]]"
    if kind == "dataclass_type":
        heading = _heading(str(details["loc"][0]))
        return f"{heading} in {place.partition(', [')[0]} is {shown(value)}: expected a table"
    hint = get_type_hints(sections[section], include_extras=True)[key]
    if kind in _RANGE_ERRORS:
        return f"{key} in {place} is {shown(value)}: expected {_range(hint)}"
    if kind == "literal_error":
        choices = hint if get_origin(hint) is Literal else get_args(hint)[0]
        return f"{key} in {place} is {shown(value)}: expected one of {', '.join(map(str, get_args(choices)))}"
    return f"{key} in {place} is {shown(value)}: expected {_EXPECTED.get(kind, details['msg'])}"


def _range(hint: Any) -> str:
    """The bounds of an annotated number, as `0 to 1`."""
    bounds = [bound for extra in get_args(hint)[1:] for bound in extra.metadata]
    low = next(bound.ge for bound in bounds if isinstance(bound, Ge))
    high = next(bound.le for bound in bounds if isinstance(bound, Le))
    return f"{low} to {high}"


def _heading(section: str) -> str:
    return "[[stages]]" if section == "stages" else f"[{section}]"
