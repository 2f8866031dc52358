"""YuNet (Wu et al., 2023), the face detector of OpenCV Zoo, through LiteRT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from edge.detection.yunet_network import YuNetNetwork
from edge.detection.yunet_weights import read_yunet, yunet_from_file, yunet_state
from edge.inference.threads import Threads
from edge.types import Detection, Frame


class YuNet:
    """YuNet on frames whose longer side is resized to 320 pixels: faces from 4 % of it, and those that fill it.

    Args:
        network: the network.

    Attributes:
        invoke: runs the network alone on what its input tensor holds.
    """

    name: ClassVar[str] = "yunet"
    box_scale: ClassVar[float] = 1.19
    weights_suffix: ClassVar[str] = ".onnx"
    cost_depends_on_frame_size: ClassVar[bool] = False
    #: Pixels of the longer side, and OpenCV's threshold.
    size: ClassVar[int] = 320
    min_score: ClassVar[float] = 0.7

    def __init__(self, network: YuNetNetwork) -> None:
        self._network = network
        self.invoke: Callable[[], None] = network.invoke

    @classmethod
    def open(cls, weights: Path | None = None, threads: Threads = 1) -> Self:
        """Open the detector with the weights in mien's cache, or with those of an ONNX file.

        Raises:
            WeightsMissingError: `mien models pull yunet` has not been run.
            DetectorError: the weights are not YuNet's.
        """
        if weights is None:
            return cls(YuNetNetwork(read_yunet(), cls.name, threads))
        return cls(YuNetNetwork(yunet_from_file(weights), str(weights), threads))

    @classmethod
    def weights_state(cls) -> str:
        """Return whether the weights in mien's cache are `present`, `missing` or `damaged`."""
        return yunet_state()

    def detect(self, frame: Frame) -> list[Detection]:
        """Return all faces in the frame, most confident first, with five key points in YuNet's order.

        Key points: right eye, left eye, nose tip, right and left corner of the mouth.
        """
        return self._network.find(frame.image, self.size, self.min_score)


class YuNet640(YuNet):
    """YuNet on frames whose longer side is resized to 640 pixels, for faces from 2 % of it: four times the cost."""

    name: ClassVar[str] = "yunet-640"
    size: ClassVar[int] = 640
    min_score: ClassVar[float] = 0.8
