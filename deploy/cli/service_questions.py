"""The questions that `mien service install` asks on a terminal, for what no option names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec

import click

from deploy.service.service_choices import DEFAULT_PREVIEW, absolute
from edge.errors import MienError
from edge.preview import Preview, parse_address
from edge.sinks import prepare_sink
from edge.sources import source_class

NONE = "none"


def can_ask() -> bool:
    """Whether somebody sits at a terminal to answer."""
    return sys.stdin.isatty()


def ask_source(camera: str | None) -> str:
    """Ask where frames come from.

    Args:
        camera: the default; None where no camera was found.
    """

    def parse(text: str) -> str:
        source_class(absolute(text))
        return absolute(text)

    if camera is None:
        click.echo("No camera was found; rtsp://..., http://..., a video file or demo need none.", err=True)
    return _ask("Source of frames", camera, parse)


def ask_broker() -> tuple[tuple[str, ...], bytes | None]:
    """Ask for an MQTT broker and a login.

    Returns:
        The sinks: that of the broker, or none; and the content of the secret `mqtt-login`, None without a login.
    """

    def parse(text: str) -> str:
        if text != NONE:
            text = text if "://" in text else f"mqtt://{text}"
            prepare_sink(text)
        return text

    broker = _ask("MQTT broker, such as homeassistant.local, or none", NONE, parse)
    if broker == NONE:
        return (), None
    user = _ask("User at the broker, or none", NONE, str)
    if user == NONE:
        return (broker,), None
    password = click.prompt("Password at the broker", hide_input=True, err=True)
    return (broker,), f"{user}\n{password}\n".encode()


def ask_preview() -> str | None:
    """Ask for the address of the preview; the default needs no token, and the extra `preview`."""

    def parse(text: str) -> str:
        if text != NONE:
            # With a token in any case: the installation makes one where it is needed.
            Preview(*parse_address(text), "0" * 32)
        return text

    default = NONE if find_spec("uvicorn") is None else DEFAULT_PREVIEW
    preview = _ask("Address of the page with the live picture, or none", default, parse)
    return None if preview == NONE else preview


def _ask(question: str, default: str | None, parse: Callable[[str], str]) -> str:
    """Ask until the answer is valid.

    Raises:
        click.Abort: on Ctrl-C, or at the end of the input.
    """

    def checked(text: str) -> str:
        try:
            return parse(text.strip())
        except MienError as error:
            # click repeats the question after errors of this kind alone.
            raise click.UsageError(str(error)) from error

    answer: str = click.prompt(question, default=default, value_proc=checked, err=True)
    return answer
