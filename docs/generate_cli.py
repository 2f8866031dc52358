"""The help texts of all commands, as Markdown for docs/reference/cli.md.

    python docs/generate_cli.py > cli.md

prints the whole reference as one page. The site takes the parts of it through docs/hooks.py, so that a page never
shows another text than `--help` does.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from edge.cli.benchmark import benchmark_commands
from edge.cli.main import cli

#: Characters in a line of help.
WIDTH = 96


def commands(group: click.Group = cli, parent: click.Context | None = None) -> Iterator[tuple[str, click.Context]]:
    """Yield every command and group below `group`, as it is typed, with the context that renders its help."""
    context = parent or _context(group, "mien")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        child = _context(command, name, context)
        yield child.command_path, child
        if child.command_path == "mien benchmark":
            # Not a group: these are commands where their names are the first word.
            for own, other in benchmark_commands().items():
                yield f"{child.command_path} {own}", _context(other, f"{child.command_path} {own}")
        if isinstance(command, click.Group):
            yield from commands(command, child)


def help_text(path: str) -> str:
    """Return what `PATH --help` prints, as a fenced block.

    Raises:
        KeyError: there is no such command.
    """
    context = _context(cli, "mien") if path == "mien" else dict(commands())[path]
    return f"```text\n$ {path} --help\n{context.get_help()}\n```"


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    settings = {**cli.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, parent, info_name=name, **settings)


def table() -> str:
    """Return a table of the commands, linked to their sections, with the first sentences of their help."""
    rows = ["| command | purpose |", "| --- | --- |"]
    for path, context in commands():
        if not isinstance(context.command, click.Group) or context.command.invoke_without_command:
            text = context.command.get_short_help_str(limit=200).replace("|", "\\|")
            rows.append(f"| [`{path}`](#{path.replace(' ', '-')}) | {text} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(f"# Commands\n\n{table()}\n\n{help_text('mien')}")
    for path, _ in commands():
        print(f"\n## {path}\n\n{help_text(path)}")
