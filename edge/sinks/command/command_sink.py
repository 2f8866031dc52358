"""The sink `exec:COMMAND`: a program that is started for each message, one at a time.

The message is one line of JSON on its standard input, and in the variables MIEN_EMOTION, MIEN_STATE, MIEN_SCORE,
MIEN_SOURCE and MIEN_TRACK_ID, as far as the message has them. Variables of mien's own environment that begin with
MIEN_, and those of the service manager, are not passed on: they may hold secrets.

COMMAND is split into words as a shell does it, and started without a shell. Option: `timeout=10s`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from functools import partial

from edge.errors import MessageRejectedError, SinkError, WrongUseError
from edge.sinks.command.bounded_program import BoundedProgram, Outcome
from edge.sinks.sink import Sink
from edge.sinks.sink_uri import SinkUri
from edge.system.processes import describe_exit
from edge.system.untrusted_text import printable
from edge.types import Aggregate, Event, Message

_TIMEOUT_S, _SHORTEST_S, _LONGEST_S = 10.0, 0.1, 3600.0
#: What belongs to this process alone: its secrets, and its connection to the service manager.
_OWN_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY")
_OWN_PREFIX = "MIEN_"
_MAX_SHOWN = 200


class CommandSink(Sink):
    """Runs a program for each message, and waits until it has ended.

    A run that fails is not repeated: the program may have done a part of what it does.
    """

    usage = "exec:COMMAND"
    options = ("timeout",)

    def __init__(self, command: list[str], timeout_s: float) -> None:
        self._program, self._name = BoundedProgram(command, timeout_s), printable(command[0])
        self._timeout_s = timeout_s

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], CommandSink]:
        """See `Sink.prepare`; nothing is started yet.

        Raises:
            WrongUseError: the command cannot be split into words, or there is no such program.
        """
        try:
            command = shlex.split(uri.target)
        except ValueError as error:
            raise WrongUseError(f"the command of sink {uri.name} cannot be split into words: {error}") from None
        if not command:
            raise uri.invalid_target(cls.usage)
        if shutil.which(command[0]) is None:
            raise WrongUseError(
                f"no program {printable(command[0])!r} for sink {uri.name}: expected an executable one in PATH, or "
                "its path"
            )
        return partial(cls, command, uri.duration_s("timeout", _TIMEOUT_S, _SHORTEST_S, _LONGEST_S))

    def write(self, message: Message) -> None:
        """Run the program for one message.

        Raises:
            SinkError: the program cannot be started.
            MessageRejectedError: it has failed, or has taken too long.
        """
        line = json.dumps(message.as_dict()).encode("ascii") + b"\n"
        try:
            outcome = self._program.run(line, _environment(os.environ) | _variables(message))
        except OSError as error:
            raise SinkError(f"cannot start {self._name}: {error.strerror or error}") from error
        if outcome.timed_out:
            raise MessageRejectedError(self._described(f"was ended after {self._timeout_s:g} s", outcome))
        if outcome.status:
            raise MessageRejectedError(self._described(f"failed with {describe_exit(outcome.status)}", outcome))

    def close(self) -> None:
        """Kill the program, if it runs."""
        self._program.close()

    def _described(self, what: str, outcome: Outcome) -> str:
        first = next((line.strip() for line in outcome.error.splitlines() if line.strip()), "")
        return printable(f"{self._name} {what}" + (f": {first}" if first else ""))[:_MAX_SHOWN]


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in own.items() if key not in _OWN_VARIABLES and not key.startswith(_OWN_PREFIX)}


def _variables(message: Message) -> dict[str, str]:
    variables = {"MIEN_SOURCE": message.source}
    if isinstance(message, Event):
        variables |= {
            "MIEN_EMOTION": message.emotion,
            "MIEN_STATE": message.state,
            "MIEN_SCORE": f"{message.score:.3f}",
            "MIEN_TRACK_ID": str(message.track_id),
        }
    elif not isinstance(message, Aggregate):
        variables["MIEN_STATE"] = message.state
    return {key: printable(value) for key, value in variables.items()}
