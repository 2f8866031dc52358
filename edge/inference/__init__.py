"""Everything that runs a network or describes one: LiteRT, the classifier, the contract, the model card.

`contract.py` holds the labels and the input and output format of every model, `model_card.py` reads and writes the
card inside a `.tflite`, and `flatbuffer.py` parses the graph itself. `litert.py` is the only module that knows which
runtime is installed; `threads.py` chooses the number of threads. `shipped_models.py` finds models by name,
`classifier.py` runs a model on a face, `score_calibration.py` maps its scores to how people name faces, and `prior.py`
corrects them for the place where the model is used.
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
from edge.inference.prior import DEFAULT_PRIOR, PriorCorrection, ScoreCorrection, open_correction
from edge.inference.score_calibration import ScoreCalibration
from edge.inference.shipped_models import DEFAULT_MODEL, MODELS_FOLDER, find_model, path_of_model, shipped_models
from edge.inference.threads import Threads, parse_threads

__all__ = [
    "CROP_MARGIN",
    "DEFAULT_MODEL",
    "DEFAULT_PRIOR",
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
    "ScoreCalibration",
    "ScoreCorrection",
    "Threads",
    "canonical_label",
    "find_model",
    "load_interpreter",
    "open_correction",
    "parse_threads",
    "path_of_model",
    "preprocess",
    "read_model",
    "read_parts",
    "runtime",
    "shipped_models",
    "start_up_ms",
    "write_model",
]
