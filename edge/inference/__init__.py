"""Everything that runs a network or describes one: LiteRT, the classifier, the contract, the model card.

`contract.py` holds the labels and the input and output format of every model, `model_card.py` reads and writes the
card inside a `.tflite`, and `flatbuffer.py` parses the graph itself. `litert.py` is the only module that knows which
runtime is installed; `threads.py` chooses the number of threads. `shipped_models.py` finds models by name,
`classifier.py` runs a model on a face, and `prior.py` corrects its scores for how frequent each expression is where
it is used.
"""

from __future__ import annotations

from edge.inference.classifier import Classifier, ExpressionClassifier
from edge.inference.contract import (
    CROP_MARGIN,
    EIGHT_LABELS,
    FER2013_LABELS,
    INPUT_SCALE,
    INPUT_SIZE,
    INPUT_ZERO_POINT,
    canonical_label,
    preprocess,
)
from edge.inference.litert import load_interpreter, runtime, start_up_ms
from edge.inference.model_card import ModelCard, ModelFile, read_model, read_parts, write_model
from edge.inference.prior import PriorCorrection
from edge.inference.shipped_models import DEFAULT_MODEL, MODELS_FOLDER, find_model, shipped_models
from edge.inference.threads import Threads, parse_threads

__all__ = [
    "CROP_MARGIN",
    "DEFAULT_MODEL",
    "EIGHT_LABELS",
    "FER2013_LABELS",
    "INPUT_SCALE",
    "INPUT_SIZE",
    "INPUT_ZERO_POINT",
    "MODELS_FOLDER",
    "Classifier",
    "ExpressionClassifier",
    "ModelCard",
    "ModelFile",
    "PriorCorrection",
    "Threads",
    "canonical_label",
    "find_model",
    "load_interpreter",
    "parse_threads",
    "preprocess",
    "read_model",
    "read_parts",
    "runtime",
    "shipped_models",
    "start_up_ms",
    "write_model",
]
