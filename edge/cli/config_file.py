"""The options of a command in a TOML file: one key for each option, with the option's name.

The command line takes precedence over the file, and the file over the defaults. Tables `[[camera]]` have the options
of several cameras (`edge.cli.camera_tables`).
"""

from __future__ import annotations

import difflib
import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import click

from edge.cli import camera_tables
from edge.errors import WrongUseError, first_line, shortened, shown
from edge.system.addresses import without_credentials
from edge.system.regular_files import read_regular
from edge.system.toml_text import parse_toml

#: Parameters that are not settings, so they are not in the file.
ELSEWHERE = ("config", "show", "show_config", "help")
#: In characters: of what click or the parser of TOML reports, which may have a whole value in it.
_LONGEST_MESSAGE = 1000
#: Of a configuration file: many times what all options need.
MAX_BYTES = 1 << 20


def from_file(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Make the values of a configuration file the defaults of the other options: the callback of an eager `--config`.

    Raises:
        WrongUseError: the file cannot be read, has an unknown key, or a value that is not valid.
    """
    if path is not None:
        ctx.default_map = read_config(path, ctx)
    return path


def read_config(path: Path, ctx: click.Context) -> dict[str, Any]:
    """Read a configuration file and check its keys and values.

    Args:
        path: a TOML file; a regular one, no pipe: it is read again on SIGHUP.
        ctx: the context of the command whose options it sets.

    Returns:
        Parameter name to value. The tables of cameras are kept in the context: see `camera_tables.cameras_of`.

    Raises:
        WrongUseError: the file cannot be read, has an unknown key, or a value that is not valid.
    """
    try:
        table = parse_toml(read_regular(path, MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise WrongUseError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{path} is not valid TOML: {_shortened(str(error))}") from error
    except (ValueError, RecursionError) as error:
        # Numbers of thousands of digits, and thousands of nested brackets.
        raise WrongUseError(f"{path} cannot be parsed: {without_credentials(first_line(error))}") from error
    known = {_key(option): option for option in _options(ctx.command)}
    tables = table.pop(camera_tables.TABLE, None)
    values = {}
    for key, value in table.items():
        if key not in known:
            similar = difflib.get_close_matches(key.replace("_", "-"), known, 1)
            hint = f"did you mean {similar[0]}?" if similar else f"expected one of {', '.join(known)}, or [[camera]]"
            raise WrongUseError(f"{path}: unknown key {shown(key)}: {hint}")
        option = known[key]
        assert option.name is not None
        values[option.name] = _value(path, key, value, option, ctx)
    if tables is not None:
        camera_tables.store(
            ctx,
            camera_tables.read_tables(
                path,
                tables,
                known,
                lambda key, value, option: option.process_value(ctx, _value(path, key, value, option, ctx)),
            ),
        )
    return values


def as_toml(ctx: click.Context) -> str:
    """Return the settings of a command as a file that `read_config` can read, with each option's help as a comment.

    Options that are not set are commented out. Users and passwords in addresses are left out.

    Args:
        ctx: the context of the command.
    """
    lines = [
        f"# Options of `{ctx.command_path}`. The command line takes precedence over this file. Users and passwords in",
        "# addresses are left out.",
    ]
    cameras = camera_tables.stored(ctx)
    keys = {option.name: _key(option) for option in _options(ctx.command)}
    for option in _options(ctx.command):
        # Each camera has a source of its own.
        value = None if cameras and option.name == "source" else ctx.params.get(option.name or "")
        help_text = textwrap.wrap(option.help or "", 110)
        lines += ["", *(f"# {line}" for line in help_text)]
        if value is None or value == ():
            lines.append(f"# {_key(option)} = {_example(option)}")
        else:
            lines.append(f"{_key(option)} = {_toml(value)}")
    for camera in cameras:
        lines += ["", f"[[{camera_tables.TABLE}]]"]
        lines += [f"{keys.get(name, name)} = {_toml(value)}" for name, value in camera.items()]
    return "\n".join(lines) + "\n"


def _options(command: click.Command) -> list[click.Option]:
    options = [option for option in command.params if isinstance(option, click.Option)]
    return [option for option in options if option.name not in ELSEWHERE]


def _key(option: click.Option) -> str:
    return max(option.opts, key=len).removeprefix("--")


def _value(path: Path, key: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    """Return the value after checking that the option accepts it."""
    if option.multiple and isinstance(value, str):
        value = [value]
    kinds: type | tuple[type, ...] = (str, int, float)
    expected = "a string or number"
    if option.is_flag:
        kinds, expected = bool, "true or false"
    elif option.multiple:
        kinds, expected = list, "a list of strings"
    elif isinstance(option.type, click.Path):
        # A number would be taken for that of an open file.
        kinds, expected = str, "a string"
    has_right_type = isinstance(value, kinds) and (option.is_flag or not isinstance(value, bool))
    if option.multiple and has_right_type:
        has_right_type = all(isinstance(each, str) for each in value)
    if not has_right_type:
        raise WrongUseError(f"{path}: {key}: expected {expected}, got {_shown(value)}")
    if any("\0" in str(each) for each in (value if option.multiple else [value])):
        # Neither the name of a file nor an address has one.
        raise WrongUseError(f"{path}: {key}: expected text without NUL characters, got {_shown(value)}")
    try:
        option.type_cast_value(ctx, value)
    except click.BadParameter as error:
        raise WrongUseError(f"{path}: {key}: {_shortened(error.message)}") from error
    except OverflowError as error:
        raise WrongUseError(f"{path}: {key}: expected a number that a float can hold, got {_shown(value)}") from error
    return value


def _shown(value: Any) -> str:
    return without_credentials(repr(value))[:100]


def _shortened(message: str) -> str:
    return shortened(without_credentials(message), _LONGEST_MESSAGE)


def _example(option: click.Option) -> str:
    return f'["{option.metavar}"]' if option.multiple else f'"{option.metavar}"' if option.metavar else "..."


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    # A JSON string is also a valid TOML string, except for DEL.
    return json.dumps(without_credentials(str(value)), ensure_ascii=False).replace("\x7f", "\\u007f")
