"""Model files: the card inside and beside a .tflite, its tables, and the load in a sandbox."""

from pathlib import Path

import numpy as np

from convert.analysis.inspection import inspect
from edge.inference import sandbox
from edge.inference.classifier import Classifier
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import ModelCard, read_model, read_parts, write_model
from tests.fuzz.target import CORPUS, Target

#: The card's own input: faces of 8 x 8 pixels, so that the file is small.
CARD = ModelCard("small", tuple("abcdefg"), scheme="int8", input_shape=(1, 8, 8, 1))
_SECONDS_IN_SANDBOX = 8.0


class SideCard(Target):
    """A JSON file beside the .tflite of a foreign model."""

    name = "model-card"
    kind = "json"
    tokens = (b'"input_shape": [1, 48, 48, 1]', b'"resize": "nearest"', b'"input_range": [-1, 1]')

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._model, self._card = folder / "model.tflite", folder / "model.json"
        self._model.write_bytes((CORPUS / "graph" / "int8.tflite").read_bytes())

    def run(self, data: bytes) -> None:
        self._card.write_bytes(data)
        model = read_model(self._model)
        assert model.card.identity.encode("utf-8")
        assert len(model.card.labels) >= 2


class ModelFile(Target):
    """A whole .tflite, with the archive that holds its card."""

    name = "model-file"
    tokens = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"model_card.json", b"labels.txt", b"TFL3")

    def run(self, data: bytes) -> None:
        path = self.folder / "model.tflite"
        path.write_bytes(data)
        graph, card = read_parts(path)
        assert len(graph) <= len(data)
        assert card is None or card.identity


class ModelGraph(Target):
    """The tables of a .tflite."""

    name = "graph"
    tokens = (b"TFL3", b"CONV_2D", b"\x04\0\0\0", b"\xff\xff\xff\xff")

    def run(self, data: bytes) -> None:
        path = self.folder / "model.tflite"
        path.write_bytes(data)
        inspect(path)
        Graph(data, "the model").float_tensors()


class SandboxedLoad(Target):
    """A .tflite that is loaded in a sandbox first, and then here: what the sandbox lets pass must not crash."""

    name = "sandbox"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._timeout_s, sandbox.TIMEOUT_S = sandbox.TIMEOUT_S, _SECONDS_IN_SANDBOX
        self._face = np.arange(64 * 64, dtype=np.uint32).astype(np.uint8).reshape(64, 64)

    def run(self, data: bytes) -> None:
        # Most inputs end here: a process for each of them would take a second.
        Graph(data, "the model")
        path = self.folder / "model.tflite"
        write_model(path, data, CARD)
        scores = Classifier(path).scores(self._face)
        assert scores.shape == (7,)

    def close(self) -> None:
        sandbox.TIMEOUT_S = self._timeout_s

    def seeds(self) -> list[bytes]:
        return [
            (CORPUS / "graph" / name).read_bytes()
            for name in (
                "int8.tflite",
                "float.tflite",
                "found-name-is-not-utf8.tflite",
                "found-tensor-of-a-gigabyte.tflite",
            )
        ]
