"""Loads saved networks: `python -m tests.convert.pytorch.conversions DIR`, with PyTorch and LiteRT Torch.

Prints a line of JSON for each file: its name, and what was found or the error.
"""

import json
import sys
from pathlib import Path

import numpy as np

from convert.float_model import load_float_model
from edge.errors import MienError
from edge.inference.flatbuffer import Graph
from edge.inference.pixel_mapping import PixelMapping


def found(path: Path) -> dict:
    model = load_float_model(path, PixelMapping.of((0, 1)))
    size = model.input_shape[1]
    images = np.random.default_rng(0).integers(0, 256, (6, size, size)).astype(np.uint8)
    graph = Graph(model.graph, str(path))
    return {
        "folding": model.check_folding(images),
        "scores": model.scores(images).tolist(),
        "input": list(model.input_shape),
        "operators": [operation.kind for operation in graph.operations],
        "names": [operation.layer for operation in graph.operations],
    }


if __name__ == "__main__":
    for file in sorted(Path(sys.argv[1]).iterdir()):
        if file.suffix in (".pt2", ".onnx"):
            try:
                print(json.dumps([file.name, found(file)]), flush=True)
            except MienError as error:
                print(json.dumps([file.name, {"error": str(error)}]), flush=True)
