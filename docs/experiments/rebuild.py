"""Quantize the shipped models again from their runs of record, and compare the files with those that ship.

    python docs/experiments/rebuild.py fer2013.csv.bz2 [NAME...]

Seed, number of samples and version are those of the shipped file's card. On the processor that made a file, the graph
is the same byte for byte. On another one, TensorFlow folds batch normalization, and LiteRT computes the ranges of the
activations, with another rounding of the last bit.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from convert.api import quantize
from convert.quality_gate import Limits
from edge.datasets import load_dataset
from edge.inference.classifier import Classifier
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.inference.shipped_models import shipped_models

RECORDS = Path(__file__).resolve().parents[2] / "train" / "records"


def main(data: Path, names: list[str]) -> None:
    """Print a line for each model."""
    faces = load_dataset(data, ("PublicTest",))["PublicTest"].images
    print("| model | same bytes | codes that differ | largest difference of a scale | answers that differ |")
    print("| --- " * 5 + "|", flush=True)
    for shipped in shipped_models():
        card = read_model(shipped).card
        if names and card.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rebuilt = Path(folder) / "model.tflite"
            drawn = card.calibration
            quantize(
                RECORDS / card.name / "model.keras", data, rebuilt, samples=drawn["samples"], seed=drawn["seed"],
                version=card.version, license=card.licence, limits=Limits(max_drop=100, max_class_drop=100), limit=500,
            )  # fmt: skip
            same = read_model(rebuilt).card.graph_sha256 == card.graph_sha256
            codes, scale = differences(shipped, rebuilt)
            answers = [
                np.array([Classifier(path).scores(face).argmax() for face in faces]) for path in (shipped, rebuilt)
            ]
        changed = int((answers[0] != answers[1]).sum())
        print(
            f"| `{card.identity}` | {'yes' if same else 'no'} | {codes} | {scale:.1e} | {changed} of {len(faces):,} |",
            flush=True,
        )


def differences(shipped: Path, rebuilt: Path) -> tuple[int, float]:
    """Return the number of weights and zero points that differ, and the largest relative difference of two scales."""
    codes, scale = 0, 0.0
    graphs = [Graph(read_model(path).graph, path.name) for path in (shipped, rebuilt)]
    for one, other in zip(*(graph.model.subgraphs[0].tensors for graph in graphs), strict=True):
        buffers = [graph.model.buffers[tensor.buffer].data for graph, tensor in zip(graphs, (one, other), strict=True)]
        if buffers[0] is not None:
            codes += int((np.asarray(buffers[0]) != np.asarray(buffers[1])).sum())
        if one.quantization is not None and one.quantization.scale is not None:
            codes += int((np.asarray(one.quantization.zeroPoint) != np.asarray(other.quantization.zeroPoint)).sum())
            scales = [np.asarray(tensor.quantization.scale, np.float64) for tensor in (one, other)]
            scale = max(scale, float((np.abs(scales[1] - scales[0]) / scales[0]).max()))
    return codes, scale


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    main(arguments.data, arguments.names)
