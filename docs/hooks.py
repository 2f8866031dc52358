"""What the pages of the site take from the code and from docs/figures.toml while the site is built.

A page holds directives in double braces:

    {{ figure mien_small.accuracy_int8 }}      a value of docs/figures.toml
    {{ help mien run }}                        what `mien run --help` prints
    {{ commands }}                             the table of all commands
    {{ configuration }}                        what `mien run --show-config` prints
    {{ schema edge/events/event.schema.json face }}
                                               the fields of a JSON Schema, or of one of its definitions, as a table
    {{ file train/recipes/mien-small.toml }}   a file of the repository as a code block
    {{ card mien-small-int8 }}                 the model card in a shipped model
    {{ cards confusion mien-small-int8 }}      what the cards of the shipped models hold as a table: `confusion` of one,
                                               `adjustments` or `calibrations` of all
    {{ wild docs/wild/london.json gender mien-small-int8 }}
                                               results of `mien benchmark wild` as a table: of all models, by group (for
                                               all models, or one), or `uncertain`, what that threshold does
    {{ measured docs/wild/london.json }}       what these results were measured on
    {{ robustness docs/robustness/mien-small-int8.json }}
                                               results of `mien train robustness` as a table
    {{ onnx_operators }}                       the operators of ONNX that are converted

Links that leave docs/ (`../../deploy/ansible/README.md`) work where the repository is browsed. On the site, which does
not hold those files, they become the path of the file in the repository; one that is not there fails the build.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

_DIRECTIVE = re.compile(r"\{\{ (\w+)(?: ([^{}]+?))? \}\}")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
#: Rows of tables, outside of code, and figures with their units in them: no line ends between the two.
_CELL_UNIT = re.compile(r"^ *\|[^`\n]*(?:`[^`\n]*`[^`\n]*)*$", re.MULTILINE)
_UNIT = re.compile(r"(\d) (%|ms|KiB|KB|MB|min|s|px)(?![\w`])")
_LANGUAGES = {".toml": "toml", ".json": "json", ".service": "ini", ".yml": "yaml", ".conf": "ini"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the curves of the runs of record, which lie outside of docs/, to the site."""
    for path in sorted((ROOT / "train" / "records").glob("*/curves.png")):
        name = f"pictures/curves-{path.parent.name}.png"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the directives of a page and rewrite the links that leave docs/."""
    where = page.file.src_uri
    text = _LINK.sub(lambda match: _inside(match, where), expand(markdown, where))
    return _CELL_UNIT.sub(lambda match: _UNIT.sub("\\1&nbsp;\\2", match[0]), text)


def figures() -> dict[str, Any]:
    """The tables of docs/figures.toml."""
    return tomllib.loads((ROOT / "docs" / "figures.toml").read_text("utf-8"))


def expand(markdown: str, where: str = "a page") -> str:
    """`markdown` with its directives filled in."""
    return _DIRECTIVE.sub(lambda match: _fill(match, where), markdown)


def _fill(match: re.Match[str], where: str) -> str:
    name, argument = match[1], match[2] or ""
    indent = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
    try:
        text = _DIRECTIVES[name](argument)
        # All lines of a table within a list or a tab are indented as its first one.
        return text if indent.strip() else text.replace("\n", f"\n{indent}")
    except (AttributeError, KeyError, OSError) as error:
        raise PluginError(f"{where}: cannot fill in {match[0]}: {error!r}") from error


def _figure(path: str) -> str:
    value: Any = figures()
    for key in path.split("."):
        value = value[key]
    return str(value)


def _help(path: str) -> str:
    return str(_generate_cli().help_text(path))


def _commands(argument: str) -> str:
    return str(_generate_cli().table())


def _generate_cli() -> Any:
    return _module("generate_cli")


def _module(name: str) -> Any:
    # MkDocs restores sys.path once it has loaded this file.
    for folder in (str(ROOT / "docs"), str(ROOT)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return importlib.import_module(name)


def _wild(argument: str) -> str:
    path, *rest = argument.split()
    return str(_module("wild_tables").table(ROOT / path, *rest))


def _measured(path: str) -> str:
    return str(_module("wild_tables").measured(ROOT / path))


def _robustness(path: str) -> str:
    return str(_module("robustness_tables").table(ROOT / path))


def _configuration(argument: str) -> str:
    from click.testing import CliRunner

    from edge.cli.main import cli

    shown = CliRunner().invoke(cli, ["run", "--show-config"], prog_name="mien", catch_exceptions=False)
    return f"```toml\n{shown.stdout.strip()}\n```"


def _file(name: str) -> str:
    path = ROOT / name
    return f"```{_LANGUAGES.get(path.suffix, 'text')}\n{path.read_text('utf-8').strip()}\n```"


def _card(model: str) -> str:
    from edge.inference.model_card import read_model
    from edge.inference.shipped_models import find_model

    return f"```json\n{_compact(asdict(read_model(find_model(model)).card))}\n```"


def _cards(argument: str) -> str:
    name, *rest = argument.split()
    return str(getattr(_module("card_tables"), name)(*rest))


def _compact(table: dict[str, Any]) -> str:
    """JSON with short lists, such as the rows of a confusion matrix, on one line."""
    text = json.dumps(table, indent=2, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}]{0,400}?\]", lambda match: re.sub(r"\s*\n\s*", " ", match[0]), text)


def _schema(argument: str) -> str:
    name, _, definition = argument.partition(" ")
    root = json.loads((ROOT / name).read_text("utf-8"))
    schema = root["$defs"][definition] if definition else root
    rows = ["| field | type | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{path}` | {kind} | {text} |" for path, kind, text in _fields(schema, root, "")]
    return "\n".join(rows)


def _fields(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        value = _resolved(value, root)
        optional = "" if key in required or value.get("deprecated") else ", optional"
        text = str(value.get("description", "")).replace("|", "\\|")
        if value.get("deprecated"):
            text = f"Deprecated. {text}"
        yield f"{prefix}{key}", f"{_kind(value, root)}{optional}", text
        yield from _fields(value, root, f"{prefix}{key}.")


def _resolved(schema: Any, root: dict[str, Any]) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _kind(schema: dict[str, Any], root: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"array of {_kind(_resolved(schema['items'], root), root)}"
    values = _resolved(schema.get("additionalProperties"), root)
    if kind == "object" and isinstance(values, dict):
        if keys := values.get("required"):
            return "object of objects with " + ", ".join(f"`{key}`" for key in keys)
        return f"object of {_kind(values, root)}s"
    return str(kind)


def _onnx_operators(argument: str) -> str:
    # Read, not imported: the module needs PyTorch.
    source = (ROOT / "convert" / "pytorch" / "onnx_operators.py").read_text("utf-8")
    return ", ".join(re.findall(r'^    "(\w+)":', source[source.index("OPERATORS:") :], re.MULTILINE))


_DIRECTIVES = {
    "card": _card,
    "cards": _cards,
    "commands": _commands,
    "configuration": _configuration,
    "figure": _figure,
    "file": _file,
    "help": _help,
    "measured": _measured,
    "onnx_operators": _onnx_operators,
    "robustness": _robustness,
    "schema": _schema,
    "wild": _wild,
}


def _inside(match: re.Match[str], where: str) -> str:
    bang, text, target = match.groups()
    if bang or "://" in target or target.startswith(("#", "mailto:")):
        return match[0]
    path = os.path.normpath(Path("docs") / Path(where).parent / target.partition("#")[0])
    if path.startswith("docs" + os.sep):
        return match[0]
    if not (ROOT / path).exists():
        raise PluginError(f"{where}: {target} leads to {path}, which is not in the repository")
    return f"`{path}`" if text.strip("`") in (path, Path(path).name) else f"{text} (`{path}`)"
