"""The store into which a reader puts faces: memory, or a temporary file if they do not fit into it."""

from __future__ import annotations

import tempfile
import weakref
from contextlib import suppress
from typing import IO

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.inference.contract import INPUT_SIZE
from edge.system.operating_system import physical_memory_bytes

#: Size at which the faces of one split move to disk. FER-2013 as a whole is 79 MiB.
MEMORY_LIMIT_BYTES = min(1 << 30, (physical_memory_bytes() or 4 << 30) // 4)

_CHUNK = 4096


class FaceStore:
    """Faces that are appended one after the other, and then read as one array.

    Beyond the limit they move to a temporary file without a name, which disappears with the last reference to the
    array, whatever happens to the process. The environment variable TMPDIR chooses the disk.

    Args:
        limit_bytes: size at which the faces move to disk; `MEMORY_LIMIT_BYTES` if None.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        self._limit_bytes = MEMORY_LIMIT_BYTES if limit_bytes is None else limit_bytes
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._n = 0

    def append(self, face: npt.NDArray[np.uint8]) -> None:
        """Append one face, `(48, 48)` uint8.

        Raises:
            DataError: the disk is full.
        """
        self.extend(face[None])

    def extend(self, faces: npt.NDArray[np.uint8]) -> None:
        """Append `(n, 48, 48)` uint8.

        Raises:
            DataError: the disk is full.
        """
        assert faces.shape[1:] == (INPUT_SIZE, INPUT_SIZE), faces.shape
        assert faces.dtype == np.uint8, faces.dtype
        self._n += len(faces)
        if self._file is None and len(self._memory) + faces.nbytes <= self._limit_bytes:
            self._memory += faces.tobytes()
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the store)
                weakref.finalize(self, _close, self._file)
                self._file.write(self._memory)
                self._memory = bytearray()
            self._file.write(faces.tobytes())
        except OSError as error:
            raise self._full(error) from error

    def array(self) -> npt.NDArray[np.uint8]:
        """Return all faces, `(n, 48, 48)` uint8, without a copy. The store must not be used afterwards.

        Returns:
            An ndarray; beyond the limit a read-only `np.memmap`, which reads only what is indexed.

        Raises:
            DataError: the disk is full.
        """
        if self._file is None:
            return np.frombuffer(self._memory, np.uint8).reshape(-1, INPUT_SIZE, INPUT_SIZE)
        try:
            self._file.flush()
        except OSError as error:
            raise self._full(error) from error
        return np.memmap(self._file, np.uint8, "r", shape=(self._n, INPUT_SIZE, INPUT_SIZE))

    def _full(self, error: OSError) -> DataError:
        size_mib = self._n * INPUT_SIZE * INPUT_SIZE / 2**20
        return DataError(
            f"cannot keep {size_mib:,.0f} MiB of faces in {tempfile.gettempdir()} ({error.strerror or error}): set "
            "TMPDIR to a folder with more space, on a disk"
        )


def _close(file: IO[bytes]) -> None:
    # On a full disk closing fails too; that error was raised already.
    with suppress(OSError):
        file.close()


def take_images(images: npt.NDArray[np.uint8], positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return `images[positions]`; of images on disk, a result that need not fit into memory either.

    Args:
        images: `(n, 48, 48)` uint8.
        positions: `(m,)` int64.

    Returns:
        `(m, 48, 48)` uint8.
    """
    if not isinstance(images, np.memmap):
        return images[positions]
    store = FaceStore()
    for start in range(0, len(positions), _CHUNK):
        store.extend(images[positions[start : start + _CHUNK]])
    return store.array()
