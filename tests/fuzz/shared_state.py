"""Memory that a worker shares with its parent: the input in progress survives whatever happens to the worker."""

import mmap
import struct
from pathlib import Path

_FIELDS = ("inputs", "accepted", "rejected", "findings", "begun_ns", "longest_ns", "peak_kb", "size_bytes", "seeds")
_FORMAT = struct.Struct("<Q")
_HEADER_BYTES = _FORMAT.size * len(_FIELDS)
#: The longest input that fits.
MAX_INPUT_BYTES = 1 << 20


class SharedState:
    """Counters and the input in progress, in a file that two processes map.

    Args:
        path: the file; `create` makes it.

    Attributes:
        inputs, accepted, rejected, findings: how many inputs there were, and how they ended.
        begun_ns: monotonic time at which the input in progress began; 0 between two inputs.
        longest_ns: the longest duration of an input.
        peak_kb: the largest resident set of the worker.
        size_bytes: of the input in progress.
        seeds: how many inputs the corpus has, which are run whatever the time.
    """

    inputs: int
    accepted: int
    rejected: int
    findings: int
    begun_ns: int
    longest_ns: int
    peak_kb: int
    size_bytes: int
    seeds: int

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as stream:
            self._map = mmap.mmap(stream.fileno(), _HEADER_BYTES + MAX_INPUT_BYTES)

    @classmethod
    def create(cls, path: Path) -> "SharedState":
        """Make the file, with all counters 0, and map it."""
        with path.open("wb") as stream:
            stream.truncate(_HEADER_BYTES + MAX_INPUT_BYTES)
        return cls(path)

    def begin(self, data: bytes, now_ns: int) -> None:
        """Store an input before it is run."""
        self._map[_HEADER_BYTES : _HEADER_BYTES + len(data)] = data
        self.size_bytes, self.begun_ns = len(data), now_ns
        self.inputs += 1

    def end(self, now_ns: int) -> None:
        """Note that the input has ended."""
        self.begun_ns, self.longest_ns = 0, max(self.longest_ns, now_ns - self.begun_ns)

    def input(self) -> bytes:
        """The input in progress, or the last one."""
        return self._map[_HEADER_BYTES : _HEADER_BYTES + self.size_bytes]

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()


def _counter(position: int) -> property:
    offset = position * _FORMAT.size

    def read(state: SharedState) -> int:
        return int(_FORMAT.unpack_from(state._map, offset)[0])

    def write(state: SharedState, value: int) -> None:
        _FORMAT.pack_into(state._map, offset, value)

    return property(read, write)


for _position, _name in enumerate(_FIELDS):
    setattr(SharedState, _name, _counter(_position))
