"""The tables `[[camera]]` of a configuration file: one for each of several cameras, with options of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edge.errors import WrongUseError, shown
from edge.service.settings import CAMERA_OPTIONS, CameraSettings
from edge.sources import source_class
from edge.system.suggestions import did_you_mean

#: The key of the tables.
TABLE = "camera"
#: More would leave each of them too few frames.
MAX_CAMERAS = 16
#: It is part of topics, addresses and labels.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
#: Options that only one camera can have: they are not taken from the file's top level or the command line.
_OF_ONE = ("source", "record", "debug_frames")
_META = "edge.cli.camera_tables"

#: Checks one value of an option and returns it as the option's type has it.
Convert = Callable[[str, Any, click.Option], Any]


def read_tables(path: Path, tables: Any, options: Mapping[str, click.Option], convert: Convert) -> list[dict[str, Any]]:
    """Check the tables of a file.

    Args:
        path: of the file, for messages.
        tables: what the file has under `camera`.
        options: key to option.
        convert: checks one value.

    Returns:
        Name of the parameter to its value, for each camera; with `name`.

    Raises:
        WrongUseError: something is not what was expected.
    """
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise WrongUseError(f"{path}: {TABLE}: expected tables [[{TABLE}]], one for each camera")
    if len(tables) > MAX_CAMERAS:
        raise WrongUseError(f"{path}: {len(tables)} cameras: expected {MAX_CAMERAS} at most")
    cameras: list[dict[str, Any]] = []
    for number, table in enumerate(tables, 1):
        camera = _read_table(path, number, table, options, convert)
        if any(camera["name"].lower() == other["name"].lower() for other in cameras):
            raise WrongUseError(f"{path}: two cameras are called {camera['name']!r}: expected a name for each")
        cameras.append(camera)
    _check_sources(path, cameras)
    return cameras


def _read_table(
    path: Path, number: int, table: Mapping[str, Any], options: Mapping[str, click.Option], convert: Convert
) -> dict[str, Any]:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        got = "none" if name is None else shown(str(name))
        raise WrongUseError(
            f"{path}: camera {number}: expected a name of letters, digits, - and _, up to 32 characters. Got {got}"
        )
    if "source" not in table:
        raise WrongUseError(f'{path}: camera {name}: expected a source, such as source = "camera:0"')
    known = {key: option for key, option in options.items() if option.name in CAMERA_OPTIONS}
    values: dict[str, Any] = {"name": name}
    for key, value in table.items():
        if key == "name":
            continue
        if key in options and key not in known:
            raise WrongUseError(f"{path}: camera {name}: {key} is for all cameras: set it above the tables")
        if key not in known:
            raise WrongUseError(
                f"{path}: camera {name}: unknown key {shown(key)}{did_you_mean(key, list(known))}; expected name, "
                f"{', '.join(known)}"
            )
        option = known[key]
        assert option.name is not None
        values[option.name] = convert(f"camera {name}: {key}", value, option)
    return values


def _check_sources(path: Path, cameras: Sequence[Mapping[str, Any]]) -> None:
    """Check that no live source is given twice: two cannot hold the same camera."""
    names: dict[str, str] = {}
    for camera in cameras:
        source = str(camera["source"])
        if source in names and source_class(source).live:
            raise WrongUseError(f"{path}: the cameras {names[source]} and {camera['name']} have the same source")
        names[source] = camera["name"]


def store(ctx: click.Context, cameras: list[dict[str, Any]]) -> None:
    """Keep the tables for `cameras_of`."""
    ctx.meta[_META] = cameras


def stored(ctx: click.Context) -> list[dict[str, Any]]:
    """Return what `store` has kept; empty where the configuration has no such tables."""
    return list(ctx.meta.get(_META, ()))


def cameras_of(ctx: click.Context) -> tuple[CameraSettings, ...]:
    """Return the cameras of the configuration; empty where it has no such tables.

    What a table does not set is as above the tables. The command line takes precedence over both.

    Raises:
        WrongUseError: an option that only one camera can have is given outside of the tables.
    """
    tables = stored(ctx)
    if not tables:
        return ()
    for name in _OF_ONE:
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            key = name.replace("_", "-")
            raise WrongUseError(f"{key} is given, and the configuration has tables [[{TABLE}]]: expected it in a table")
    shared = CameraSettings(**{name: ctx.params[name] for name in CAMERA_OPTIONS if name != "source"})
    given = {name for name in CAMERA_OPTIONS if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    cameras = []
    for table in tables:
        own = {name: value for name, value in table.items() if name not in given}
        cameras.append(replace(shared, **own, has_own_sinks="sink" in own))
    return tuple(cameras)
