from dataclasses import replace

import numpy as np
import pytest

from edge.inference.contract import FER2013_LABELS
from edge.inference.flatbuffer import Graph, schema
from edge.inference.model_card import read_model, write_model
from edge.inference.shipped_models import find_model
from tests.made_data import draw_face


@pytest.fixture(scope="session")
def some_faces():
    """`(24, 48, 48)` uint8: noise, flat and smooth pictures, and drawn faces."""
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (48, 48)) for _ in range(6)]
    flat = [np.full((48, 48), value) for value in (0, 127, 255)]
    smooth = [np.add.outer(np.linspace(0, a, 48), np.linspace(0, b, 48)) for a, b in ((100, 155), (255, 0), (5, 60))]
    drawn = [draw_face(FER2013_LABELS[i % 7], random) for i in range(12)]
    return np.array([*noise, *flat, *smooth, *drawn]).astype(np.uint8)


@pytest.fixture
def renamed_operator(tmp_path):
    """`rename(old, new, **card)`: mien-small-int8 with another operator in place of one of its own."""

    def rename(old: str, new: str, **entries):
        path = find_model("mien-small-int8")
        model = read_model(path)
        graph = Graph(model.graph, path.name)
        for code in graph.model.operatorCodes:
            if code.builtinCode == getattr(schema().BuiltinOperator, old):
                code.builtinCode = code.deprecatedBuiltinCode = getattr(schema().BuiltinOperator, new)
        write_model(tmp_path / "renamed.tflite", graph.pack(), replace(model.card, **entries))
        return tmp_path / "renamed.tflite"

    return rename
