"""Which messages a sink receives: the options `emotion`, `min_score`, `state` and `cooldown` of its URI."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self, get_args

from edge.errors import WrongUseError
from edge.sinks.sink_uri import SinkUri
from edge.system.suggestions import did_you_mean
from edge.types import SOURCE_STATES, Event, Message, SourceEvent, SourceState, State

FACE_STATES: tuple[State, ...] = get_args(State)
#: The options of the URI.
FILTER_OPTIONS = ("emotion", "min_score", "state", "cooldown")
_LONGEST_COOLDOWN_S = 7 * 24 * 3600.0


class MessageFilter:
    """Selects messages; what it does not select is not counted by the sink's queue.

    `emotion`, `min_score` and face states select events of faces, and then no aggregates pass. Changes of the source's
    state pass only where `state` names them, or where there is no filter. `cooldown` is counted for each expression
    and each state of the source apart, so that a smile is not suppressed by a surprise just before it.

    Args:
        emotions: labels of the events to pass; empty for all.
        min_score: the lowest score of the events to pass, 0..1.
        states: of faces and sources; empty for all states of faces.
        cooldown_s: the shortest time between two messages that pass, in seconds of the machine's clock.
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        emotions: Sequence[str] = (),
        min_score: float = 0.0,
        states: Sequence[State | SourceState] = (),
        cooldown_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emotions, self._min_score, self._cooldown_s = frozenset(emotions), min_score, cooldown_s
        self._face_states = frozenset(states).intersection(FACE_STATES)
        self._source_states = frozenset(states).intersection(SOURCE_STATES)
        self._selects_faces = bool(emotions or min_score or self._face_states)
        self._clock = clock
        #: Expression or state of the source to when a message of it passed last; as many keys as there are labels.
        self._passed_s: dict[str, float] = {}

    @classmethod
    def from_uri(cls, uri: SinkUri) -> Self | None:
        """Read the options of a URI; None where it has none of them.

        Raises:
            WrongUseError: a value is not what was expected.
        """
        if not any(key in uri.options for key in FILTER_OPTIONS):
            return None
        states = uri.names("state")
        for state in states:
            if state not in (*FACE_STATES, *SOURCE_STATES):
                known = (*FACE_STATES, *SOURCE_STATES)
                raise uri.invalid_option("state", f"some of {', '.join(known)}{did_you_mean(state, known)}")
        selects_faces = next((key for key in ("emotion", "min_score") if key in uri.options), None)
        if states and selects_faces and not any(state in FACE_STATES for state in states):
            raise uri.invalid_option(
                "state",
                f"a state of a face ({', '.join(FACE_STATES)}) among them, because {selects_faces} selects faces",
            )
        return cls(
            uri.names("emotion"),
            uri.decimal("min_score", 0.0, 0.0, 1.0),
            states,  # type: ignore[arg-type]
            uri.duration_s("cooldown", 0.0, 0.0, _LONGEST_COOLDOWN_S),
        )

    def accepts(self, message: Message) -> bool:
        """Return whether a message passes; one that passes begins the cooldown of those like it."""
        return self._selects(message) and self._is_due(message)

    def _selects(self, message: Message) -> bool:
        if isinstance(message, SourceEvent):
            return message.state in self._source_states
        # `state=offline` alone selects neither faces nor aggregates.
        if self._source_states and not self._selects_faces:
            return False
        if not isinstance(message, Event):
            return not self._selects_faces
        return (
            (not self._emotions or message.emotion in self._emotions)
            and message.score >= self._min_score
            and (not self._face_states or message.state in self._face_states)
        )

    def _is_due(self, message: Message) -> bool:
        if not self._cooldown_s:
            return True
        key = message.emotion if isinstance(message, Event) else type(message).__name__
        if isinstance(message, SourceEvent):
            key = message.state
        now_s = self._clock()
        if now_s - self._passed_s.get(key, -self._cooldown_s) < self._cooldown_s:
            return False
        self._passed_s[key] = now_s
        return True


def check_expressions(name: str, expressions: Sequence[str], labels: Sequence[str]) -> None:
    """Reject expressions that the model does not have.

    Args:
        name: of the sink whose options name them.
        expressions: those that they name.
        labels: of the model, `uncertain` included.

    Raises:
        WrongUseError: one of them is unknown; the message suggests the nearest.
    """
    for expression in expressions:
        if expression not in labels:
            raise WrongUseError(
                f"sink {name} selects the expression {expression!r}, which the model does not have: expected some of "
                f"{', '.join(labels)}{did_you_mean(expression, labels)}"
            )
