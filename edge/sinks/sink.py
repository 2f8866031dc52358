"""The base class of all sinks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from edge.errors import MissingExtraError
from edge.sinks.sink_uri import SinkUri
from edge.types import FrameReport, Message

if TYPE_CHECKING:
    from edge.sinks.sink_worker import SinkWorker


@dataclass(frozen=True)
class Requirement:
    """A package that a sink needs and the base installation lacks.

    Attributes:
        extra: the extra of mien that installs it, such as `mqtt`.
        package: its name on the package index, such as `paho-mqtt`.
        module: what is imported from it, such as `paho.mqtt.client`.
    """

    extra: str
    package: str
    module: str

    def check(self) -> None:
        """Import the module.

        Raises:
            MissingExtraError: it is not installed.
        """
        try:
            import_module(self.module)
        except ImportError as error:
            raise MissingExtraError(self.extra, self.package) from error


class Sink(ABC):
    """Receives messages one by one; a context manager.

    A sink is one class, derived from this one and registered under a name. Its class attributes describe what it needs
    and what it can do. A package outside of mien registers its sink by an entry point of the group `mien.sinks`::

        class LampSink(Sink):
            usage = "lamp:PIN"

            def __init__(self, uri: SinkUri) -> None:
                self.lamp = Lamp(int(uri.target))

            def write(self, message: Message) -> None:
                if isinstance(message, Event):
                    self.lamp.show(message.emotion)

    Attributes:
        usage: how the command line names the sink; shown in help texts and error messages.
        options: the keys that its URI may carry after the question mark. `queue` is not listed, nor are those
            of the filter (`edge.sinks.message_filter`): every sink has them, unless `has_filter` is False.
        expression_options: those of `options` whose value is a list of expressions with commas between them; they are
            checked against the model's labels.
        has_filter: whether its URI may select messages. False for a sink that has to get all of them.
        requirement: the package that it needs; None where the base installation suffices.
        window: how many messages it sends before the first of them is acknowledged. If this is more than 1,
            `write_window` is called instead of `write`.
        wants_frames: whether `write_frame` is called for every frame.
        is_standard_output: whether it writes to standard output. A `BrokenPipeError` then means that the reader has
            gone for good, which ends the run.
    """

    usage: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()
    expression_options: ClassVar[tuple[str, ...]] = ()
    has_filter: ClassVar[bool] = True
    requirement: ClassVar[Requirement | None] = None
    window: ClassVar[int] = 1
    wants_frames: bool = False
    is_standard_output: bool = False

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], Sink]:
        """Check the URI and read the files that it names, and return a function that opens the sink.

        Nothing is opened yet, so that a wrong setting is found while the previous sinks are still in use. The default
        checks nothing and calls the class with the URI.

        Args:
            uri: its options are known to be among `options`.

        Raises:
            WrongUseError: the URI is not what was expected.
            SinkError: a file that it names cannot be read.
        """
        return lambda: cls(uri)  # type: ignore[call-arg]

    @abstractmethod
    def write(self, message: Message) -> None:
        """Deliver one message. After an error, the same message is passed again.

        Raises:
            SinkError: the message cannot be delivered at the moment.
            OSError: likewise.
            MessageRejectedError: it can never be delivered, and is not passed again.
        """

    def write_window(self, messages: Sequence[Message]) -> int:
        """Send the messages that have not been sent yet, and wait briefly for the first acknowledgment.

        Args:
            messages: 1 to `window` messages in order: those of the last call that were not acknowledged, then new ones.

        Returns:
            How many of them, counted from the first, have been acknowledged; possibly 0.

        Raises:
            SinkError: the messages cannot be sent at the moment.
        """
        self.write(messages[0])
        return 1

    def write_frame(self, report: FrameReport) -> None:
        """Take the report on one frame; called only if `wants_frames` is set."""

    def set_model(self, identity: str) -> None:
        """Take the identity of the model in use, such as `mien-small-int8@2`.

        Called from any thread, before the first frame and whenever the model changes; must not block.
        """

    def set_labels(self, labels: Sequence[str]) -> None:
        """Take the class names of the model in use; as `set_model`, and before it."""

    def set_cameras(self, names: Sequence[str]) -> None:
        """Take the names of the cameras of the run, of which each is the `source` of its messages; as `set_model`.

        None where there is one camera without a name.
        """

    @classmethod
    def for_camera(cls, uri: SinkUri, camera: str) -> SinkUri:
        """Return the URI of the sink that one of several cameras gets when it is given for all of them.

        The default returns the URI as it is, so that the cameras share one sink. A sink whose messages must not be
        mixed returns one with the camera's name in its target.

        Args:
            uri: as given.
            camera: name of the camera: letters, digits, `-` and `_`.
        """
        del camera
        return uri

    def watch(self, workers: Sequence[SinkWorker]) -> None:
        """Take the workers of all sinks of the run, this one among them, to report their counts.

        Called again whenever a reload exchanges some of them.
        """

    def close(self) -> None:
        """Write what is left, and release what is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
