"""What a source is: the protocol that the loop uses, and the class from which each source is derived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import ClassVar, Protocol, Self

from edge.system.addresses import without_credentials
from edge.system.untrusted_text import printable
from edge.types import Frame, SourceEvent


class Source(Protocol):
    """A source of frames: a context manager and an iterator.

    Attributes:
        name: the source's name in events, without credentials.
        total: the number of frames; None if it is not known.
        unreadable: the number of frames that could not be decoded so far.
        dropped: the number of frames that the source had and the iterator did not yield.
        live: frames arrive at their own pace, and a slow reader loses some. False for files.
        can_downscale: `request_downscale` has an effect.
        wait_s: how long the iterator of a live source waits for a frame before it yields None; may be changed.
        descriptors: file descriptors that can be read when there may be a frame. Empty for a source that never yields
            None, and while only time has to pass; None where one has to ask.
    """

    name: str
    total: int | None
    unreadable: int
    dropped: int
    live: bool
    can_downscale: bool
    wait_s: float

    @property
    def descriptors(self) -> Sequence[int] | None: ...  # noqa: D102

    @property
    def pid(self) -> int | None:
        """The id of the child process that captures the frames at present; None if this process reads them."""
        ...

    @property
    def has_answered(self) -> bool:
        """Whether the first attempt to open it is over: it has given a frame, or failed."""
        ...

    def __iter__(self) -> Iterator[Frame | None]:
        """Yield frames in the order in which they were taken, until the source ends.

        None means that there is no frame yet, so that the caller can do something else meanwhile.
        """
        ...

    def state_events(self) -> list[SourceEvent]:
        """Return the changes of state since the last call, the oldest first. Files have none.

        Call it after each `next` of the iterator, also when that raised an error: a change is returned before the frame
        that follows it is processed.
        """
        ...

    def request_downscale(self, factor: int) -> None:
        """Ask for frames whose width and height are divided by `factor`; 1 is the full size.

        A request for the factor that is in effect costs nothing. Smaller frames have a `Frame.scale` above 1. Without
        effect if `can_downscale` is false.
        """
        ...

    def __enter__(self) -> Self:
        """Return the source."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the camera or file."""
        ...


class BlockingSource(Source, Protocol):
    """A source whose iterator waits for each frame."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in the order in which they were taken, until the source ends."""
        ...


class BaseSource:
    """Base class of the sources. A subclass overrides `from_spec`, `__iter__`, and `close` if it holds something.

    The class attributes are what other parts need to know of a kind of source before one is opened.

    Attributes:
        usage: how its specs are written, for help texts and messages: `camera:N`. Empty for a source that is not
            offered to users.
        live: see `Source`.
        can_downscale: it can be opened with smaller frames: `from_spec` uses its argument `downscale`.
        needs_own_process: its driver or decoder may hang or crash, so that the daemon opens it in a child process
            (`edge.capture`).
        reopen_specs: the specs to try in turn when it is opened again, if the number of the device may have changed by
            then. Empty for the spec it was opened with. Of an instance.
    """

    usage: ClassVar[str] = ""
    needs_own_process: ClassVar[bool] = False

    name = ""
    total: int | None = None
    unreadable = 0
    dropped = 0
    live = False
    can_downscale = False
    reopen_specs: tuple[str, ...] = ()
    wait_s = 0.25
    descriptors: Sequence[int] | None = ()

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether a spec that begins with this source's name is well formed. A spec that is not is taken for a path.

        Args:
            spec: the whole spec, such as `camera:0`.
        """
        return ":" in spec

    @classmethod
    def check_packages(cls) -> None:
        """Check whether the packages are there that such a source needs and the base installation lacks.

        Raises:
            MissingPackageError: one is not installed.
        """

    @classmethod
    def event_name(cls, spec: str) -> str:
        """The printable name in events of what `from_spec` opens, without credentials. Nothing is opened."""
        return printable(without_credentials(spec))

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the source.

        Args:
            spec: the whole spec, for which `accepts` is true.
            downscale: the width and height of frames are divided by it, if the class has `can_downscale`.

        Returns:
            An instance of the class.

        Raises:
            SourceError: it cannot be opened.
        """
        raise NotImplementedError(f"{cls.__name__}.from_spec")

    @property
    def pid(self) -> int | None:
        """None: the source is read by this process."""
        return None

    @property
    def has_answered(self) -> bool:
        """True: the source was opened when it was constructed."""
        return True

    def state_events(self) -> list[SourceEvent]:
        """Return no change of state: a source that is read directly is online, or raises an error."""
        return []

    def request_downscale(self, factor: int) -> None:
        """Ignore the request: a source that is read directly keeps the size with which it was opened."""

    def close(self) -> None:
        """Release the camera or file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
