"""How pixels become the values that a foreign network was trained on: a range, a mean and a standard deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import WrongUseError
from edge.inference.contract import INPUT_SIZE, preprocess

Images = npt.NDArray[np.uint8]
#: Of the ends of a range; it also excludes what is no number.
_LARGEST = 1e9
#: The ranges that people train on, most frequent first, as `train.evaluation.input_range_check` tries them.
COMMON_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))


@dataclass(frozen=True)
class PixelMapping:
    """What is done to pixels before a network sees them: `(low + pixel / 255 * (high - low) - mean) / std`.

    Attributes:
        low, high: the values of black and of white.
        mean, std: what is subtracted, and what the difference is divided by: one value, or one for each channel.
            Frameworks state them for the range 0 to 1.
    """

    low: float = 0.0
    high: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @classmethod
    def of(
        cls,
        input_range: tuple[float, float] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> PixelMapping | None:
        """Return the mapping that some options ask for; None if none of them is given.

        Args:
            input_range: the values of black and of white; 0 and 1 where it is None and one of the others is not.
            mean: see the class.
            std: see the class.

        Raises:
            WrongUseError: the range is empty or the wrong way round, or a deviation is not positive.
        """
        if input_range is None and mean is None and std is None:
            return None
        low, high = (0.0, 1.0) if input_range is None else map(float, input_range)
        if not -_LARGEST <= low < high <= _LARGEST:
            raise WrongUseError(f"--input-range is {low:g} {high:g}: expected the value of black, then a greater one")
        if std is not None and not min(std) > 0:
            raise WrongUseError(f"--input-std is {','.join(map(str, std))}: expected positive numbers")
        return cls(low, high, tuple(mean or (0.0,)), tuple(std or (1.0,)))

    @property
    def is_identity(self) -> bool:
        """Whether the network takes the pixels as they are."""
        return (self.low, self.high, set(self.mean), set(self.std)) == (0.0, 255.0, {0.0}, {1.0})

    def coefficients(self, channels: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return `scale` and `offset`, each `(channels,)` float64: a channel's value is `pixel * scale + offset`.

        Raises:
            WrongUseError: there are means or deviations for another number of channels.
        """
        for option, values in (("--input-mean", self.mean), ("--input-std", self.std)):
            if len(values) not in (1, channels):
                raise WrongUseError(
                    f"{option} has {len(values)} values, the network takes {channels} channel{'s'[: channels > 1]}: "
                    f"expected {'1' if channels == 1 else f'1 or {channels}'}"
                )
        mean, std = (np.broadcast_to(np.array(values, float), channels) for values in (self.mean, self.std))
        return (self.high - self.low) / 255 / std, (self.low - mean) / std

    def values(self, faces: Images, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
        """Return gray faces as the network's input.

        Args:
            faces: `(n, h, w)` uint8; resized as the contract resizes them.
            shape: `(H, H, channels)`; the gray plane is repeated for each channel.

        Returns:
            `(n, H, H, channels)` float32.
        """
        size, _, channels = shape
        if faces.shape[1:] != (size, size):
            faces = np.stack([preprocess(face, size)[0, :, :, 0] for face in faces])
        pixels = faces[..., None].astype(np.float32)
        if self.is_identity:
            return np.repeat(pixels, channels, axis=3)
        scale, offset = self.coefficients(channels)
        values: npt.NDArray[np.float32] = pixels * scale.astype(np.float32) + offset.astype(np.float32)
        return values

    def __str__(self) -> str:
        """The options of the command line that ask for this mapping."""
        text = f"--input-range {self.low:g} {self.high:g}"
        for option, values, default in (("--input-mean", self.mean, 0.0), ("--input-std", self.std, 1.0)):
            if set(values) != {default}:
                text += f" {option} {','.join(f'{value:g}' for value in values)}"
        return text


#: Pixels as they are, which is the contract.
AS_PIXELS = PixelMapping()


def batch_size_for(shape: tuple[int, int, int], batch_size: int) -> int:
    """Return how many inputs of this shape need the memory of `batch_size` gray faces of 48 pixels; at least 8."""
    return max(8, min(batch_size, batch_size * INPUT_SIZE * INPUT_SIZE // math.prod(shape)))


def parse_channel_values(text: str) -> tuple[float, ...]:
    """Return the values of a mean or a deviation: one number, or one for each channel with commas between them.

    Raises:
        WrongUseError: it is none.
    """
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (np.nan,)
    if not np.isfinite(values).all():
        raise WrongUseError(f"{text!r} is not a list of numbers: expected one, or one for each channel: R,G,B")
    return values
