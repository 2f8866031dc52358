"""The groups of photographs, such as gender or age: from the parts of file names, or from a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge.benchmark.photographs import Photograph
from edge.errors import DataError, WrongUseError, shortened, shown
from edge.system.regular_files import read_regular
from edge.system.untrusted_text import printable

#: Greatest number of groups in a column: one with more is no grouping, but a name or a measurement.
MAX_VALUES = 20
#: The column of the CSV that names the pictures.
FILE_COLUMN = "file"
#: Part of a name pattern that is left out, such as the number of a person; in any case.
_IGNORED = "id"
_MAX_CSV_BYTES = 64 << 20
#: Of the names of columns and groups, in characters, for tables.
_MAX_CELL = 60


def parse_name_pattern(pattern: str) -> tuple[str, ...]:
    """Return the names of the parts of file names.

    Args:
        pattern: names joined by underscores, such as `ID_gender_ethnicity`.

    Raises:
        WrongUseError: a name is empty or given twice, or there is no other name than `ID`.
    """
    parts = tuple(pattern.split("_"))
    named = [part for part in parts if part.lower() != _IGNORED]
    if not named or len(set(parts)) != len(parts) or not all(re.fullmatch(r"[\w-]+", part) for part in parts):
        raise WrongUseError(
            f"name pattern {pattern!r}: expected different names joined by underscores, such as ID_gender_ethnicity "
            "(a part named ID is left out)"
        )
    return parts


def group_by_name(photographs: Sequence[Photograph], parts: Sequence[str]) -> tuple[list[Photograph], list[str]]:
    """Take the groups of each photograph from its file name: `004_male_east_asian.jpg` is `male` and `east_asian`.

    Args:
        photographs: the photographs.
        parts: what `parse_name_pattern` returns; the last part takes the rest of the name.

    Returns:
        The photographs with their groups, and one line if some names have fewer parts.

    Raises:
        DataError: no name has that many parts, or a part has too many values.
    """
    found, without = [], []
    for photograph in photographs:
        values = photograph.path.stem.split("_", len(parts) - 1)
        if len(values) < len(parts):
            without.append(photograph.name)
            found.append(photograph)
            continue
        groups = {part: value for part, value in zip(parts, values, strict=True) if part.lower() != _IGNORED}
        found.append(_grouped(photograph, groups))
    pattern = "_".join(parts)
    if len(without) == len(found):
        raise DataError(f"no file name has {len(parts)} parts: expected names like {pattern}.jpg, got {_some(without)}")
    _check_values(found, f"name a part that is no group ID, as in ID_{pattern}")
    return found, [f"no groups for {_pictures(without)}: expected names like {pattern}"] if without else []


def group_by_csv(photographs: Sequence[Photograph], path: Path) -> tuple[list[Photograph], list[str]]:
    """Take the groups of each photograph from a CSV with a column `file` and one column for each way of grouping.

    Args:
        photographs: the photographs.
        path: the CSV, UTF-8. `file` is the name of a picture, with or without the folders within the data.

    Returns:
        The photographs with their groups, and one line for each kind of name that does not match.

    Raises:
        DataError: the file cannot be read, has no such columns, names a picture twice, or none of them; or a column
            has too many values.
    """
    rows = _read_rows(path)
    found, without, used = [], [], set()
    for photograph in photographs:
        key = photograph.name if photograph.name in rows else photograph.path.name
        if key in rows:
            used.add(key)
            found.append(_grouped(photograph, rows[key]))
        else:
            without.append(photograph.name)
            found.append(photograph)
    if not used:
        raise DataError(
            f"{path} names none of the pictures: it has {_some(list(rows))}, the data has {_some(without)}; expected "
            f"the same names in the column {FILE_COLUMN}"
        )
    _check_values(found, f"leave the column out of {path}")
    notes = []
    if without:
        notes.append(f"no groups for {_pictures(without)}: {path.name} does not name them")
    if unused := [name for name in rows if name not in used]:
        notes.append(f"{path.name} names {_pictures(unused)} that the data does not have")
    return found, notes


def group_values(photographs: Sequence[Photograph]) -> dict[str, list[str]]:
    """Return column to values, both in the order in which they first occur, the values sorted."""
    columns: dict[str, set[str]] = {}
    for photograph in photographs:
        for column, value in photograph.groups.items():
            columns.setdefault(column, set()).add(value)
    return {column: sorted(values) for column, values in columns.items()}


def _read_rows(path: Path) -> dict[str, dict[str, str]]:
    """Return name to groups."""
    try:
        text = read_regular(path, _MAX_CSV_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        if FILE_COLUMN not in columns or len(columns) < 2 or len(set(columns)) != len(columns) or "" in columns:
            raise DataError(
                f"{path} has the columns {shown(columns)}: expected {FILE_COLUMN} and one for each way of grouping, "
                f"such as {FILE_COLUMN},gender,age"
            )
        rows: dict[str, dict[str, str]] = {}
        for row in reader:
            values = {key: (value or "").strip() for key, value in row.items() if key is not None}
            name = values.pop(FILE_COLUMN).removeprefix("./")
            if not name:
                continue
            if name in rows:
                raise DataError(f"{path}, line {reader.line_num}: {shown(name)} is named twice: expected it once")
            rows[name] = {column: value for column, value in values.items() if value}
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; expected a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8: {error}") from error
    return rows


def _grouped(photograph: Photograph, groups: Mapping[str, str]) -> Photograph:
    both = sorted(set(groups) & set(photograph.groups))
    if both:
        raise WrongUseError(f"the group {_cell(both[0])} is in the file names and in the CSV: expected each only once")
    short = {_cell(column): _cell(value) for column, value in groups.items()}
    return replace(photograph, groups={**photograph.groups, **short})


def _cell(text: str) -> str:
    return printable(shortened(text, _MAX_CELL))


def _check_values(photographs: Sequence[Photograph], advice: str) -> None:
    for column, values in group_values(photographs).items():
        if len(values) > MAX_VALUES:
            raise DataError(f"{column} has {len(values)} values: expected at most {MAX_VALUES} groups; {advice}")


def _pictures(names: Sequence[str]) -> str:
    return f"{len(names)} picture{'s' * (len(names) != 1)} ({_some(names)})"


def _some(names: Sequence[str]) -> str:
    return printable(shortened(", ".join([*names[:3], *["..."] * (len(names) > 3)]), 200))
