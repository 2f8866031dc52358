"""A command's options in a TOML file: one key an option, under the option's own name.

The command line goes first, the file second, the default last.
"""

from __future__ import annotations

import difflib
import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import click

from edge.errors import WrongUseError
from edge.system.addresses import without_credentials

#: About the file itself, so not in it.
ELSEWHERE = ("config", "show_config", "help")


def from_file(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Callback of an eager `--config`: what the file says becomes the defaults of the options that come later.

    Raises:
        WrongUseError: the file cannot be read, or holds what no option takes.
    """
    if path is not None:
        ctx.default_map = read_config(path, ctx)
    return path


def read_config(path: Path, ctx: click.Context) -> dict[str, Any]:
    """Parameter to value, as a file has them.

    Args:
        path: a TOML file.
        ctx: of the command whose options they are.

    Raises:
        WrongUseError: it cannot be read, an unknown key, or a value that the option does not take.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WrongUseError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{path} is no TOML: {without_credentials(str(error))}") from error
    known = {_key(option): option for option in _options(ctx.command)}
    values = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key.replace("_", "-"), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            raise WrongUseError(f"{path}: unknown key {key!r}: {hint}")
        option = known[key]
        assert option.name is not None
        values[option.name] = _value(path, key, value, option, ctx)
    return values


def as_toml(ctx: click.Context) -> str:
    """The command's settings as a file that `read_config` takes, with the help of each option as comment.

    Options that are not set are commented out. Users and passwords in addresses are left out.
    """
    lines = [
        f"# Options of `{ctx.command_path}`; the command line goes before this file. Users and passwords of addresses",
        "# are not shown here.",
    ]
    for option in _options(ctx.command):
        value = ctx.params.get(option.name or "")
        help_text = textwrap.wrap(option.help or "", 110)
        lines += ["", *(f"# {line}" for line in help_text)]
        if value is None or value == ():
            lines.append(f"# {_key(option)} = {_example(option)}")
        else:
            lines.append(f"{_key(option)} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _options(command: click.Command) -> list[click.Option]:
    options = [option for option in command.params if isinstance(option, click.Option)]
    return [option for option in options if option.name not in ELSEWHERE]


def _key(option: click.Option) -> str:
    return max(option.opts, key=len).removeprefix("--")


def _value(path: Path, key: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    """The value, once it is sure that the option takes it."""
    expected = "true or false" if option.is_flag else "a list of strings" if option.multiple else "a string or number"
    if option.multiple and isinstance(value, str):
        value = [value]
    kinds = bool if option.is_flag else list if option.multiple else (str, int, float)
    right = isinstance(value, kinds) and (option.is_flag or not isinstance(value, bool))
    if option.multiple and right:
        right = all(isinstance(each, str) for each in value)
    if not right:
        raise WrongUseError(f"{path}: {key}: expected {expected}, got {_shown(value)}")
    try:
        option.type_cast_value(ctx, value)
    except click.BadParameter as error:
        raise WrongUseError(f"{path}: {key}: {error.message}") from error
    return value


def _shown(value: Any) -> str:
    return without_credentials(repr(value))[:100]


def _example(option: click.Option) -> str:
    return f'["{option.metavar}"]' if option.multiple else f'"{option.metavar}"' if option.metavar else "..."


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    # A JSON string is a TOML string.
    return json.dumps(without_credentials(str(value)), ensure_ascii=False).replace("\x7f", "\\u007f")
