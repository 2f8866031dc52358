"""The `mien` command: its sub-commands, imported only when they are called, and the exit status of errors."""

from __future__ import annotations

import importlib
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any

import click

from edge import __version__
from edge.errors import MienError
from edge.system.native_logs import quiet_native_logs
from edge.system.operating_system import signals
from edge.system.standard_streams import discard_output, flush_output, prepare_streams
from edge.system.untrusted_text import one_line


class LazyGroup(click.Group):
    """A group whose commands are imported on first use, so that `--help` loads no command's libraries.

    Args:
        lazy: command name to (`module:attribute`, one line of help).
    """

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were given."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from their one-line help, importing none."""
        rows = [(name, text) for name, (_, text) in self.lazy.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    lazy={
        "run": ("edge.cli.run:run", "Watch a source and name the expression on each face."),
        "classify": ("edge.cli.classify:classify", "Name the expression on each face in photographs."),
        "history": ("edge.cli.history:history", "Show what faces showed, by hour or day."),
        "benchmark": ("edge.cli.benchmark:benchmark", "Compare models by accuracy and latency on this machine."),
        "profile": ("edge.cli.profile:profile", "Measure the stages of a run and compare them with their bare parts."),
        "models": ("edge.cli.models:models", "List the shipped models, and download detector weights."),
        "doctor": ("edge.cli.doctor:doctor", "Check whether mien works on this machine."),
        "train": ("train.cli.group:train", "Train and evaluate models. Needs the extra 'train'."),
        "convert": (
            "convert.cli.group:convert",
            "Convert models to int8 .tflite, with proof. Needs the extra 'train'.",
        ),
        "service": (
            "deploy.cli.service_group:service",
            "Run mien as a service of this board, without a bundle.",
        ),
        "deploy": ("deploy.cli.group:deploy", "Put mien onto devices in one command, with rollback."),
    },
)
@click.version_option(__version__, prog_name="mien")
@click.option("--debug", is_flag=True, help="Show a traceback when a command fails.")
def cli(debug: bool) -> None:
    """Recognize facial expressions on the device.

    An expression is not a feeling. Inferring emotions at work or in education is prohibited in the EU.
    """
    # `_fail` reads it from the arguments, because it must know it even if a command fails before this is called.
    del debug


def main(command: click.Command = cli, prog_name: str = "mien") -> None:
    """Run a command and exit with its status: 0 done, 1 failed, 2 wrong use, 130 stopped by Ctrl-C."""
    quiet_native_logs()
    prepare_streams()
    # A monitor may request the report before `mien run` handles the signal; by default the process would be killed.
    for number in signals("SIGUSR1").values():
        signal.signal(number, signal.SIG_IGN)
    try:
        status = command.main(prog_name=prog_name, standalone_mode=False)
        flush_output()
    except MienError as error:
        status = _fail(prog_name, str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of the output has gone away (`mien ... | head`). Python would print another error on exit.
        discard_output()
        status = 1
    except OSError as error:
        # A full disk, or a folder without permission, where no part of mien reports it better.
        status = _fail(prog_name, f"{error.strerror or error}: {error.filename or 'a file'}", 1)
    except (click.exceptions.Abort, KeyboardInterrupt):
        status = _fail(prog_name, "stopped", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = error.exit_code
    except click.UsageError as error:
        context = error.ctx.command_path if error.ctx else prog_name
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        status = _fail(prog_name, f"{message}{end} See {context} --help", error.exit_code)
    except click.ClickException as error:
        status = _fail(prog_name, error.format_message(), error.exit_code)
    # What a command that failed has left there: the interpreter would try again, fail, and exit with status 120.
    with suppress(OSError):
        flush_output()
    sys.exit(status if isinstance(status, int) else 0)


def _fail(prog_name: str, message: str, status: int) -> int:
    if "--debug" in sys.argv[1:]:
        traceback.print_exc()
    click.echo(f"{prog_name}: {one_line(message)}", err=True)
    return status
