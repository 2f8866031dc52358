"""Scores of trained models, of any format, and their charts.

`evaluate(model, data)` is what a caller needs. `prediction` loads a model of any format as labels and scores, and
matches its classes with those of the data; `evaluation_report` computes accuracy, ROC and calibration and writes the
charts; `corruptions` and `corruption_accuracy` measure robustness; `comparison` sets training runs side by side;
`keras_classifier` is the Keras model that `mien benchmark` times.

Importing this room imports neither Keras nor scikit-learn nor matplotlib.
"""

from train.evaluation.evaluation_report import Evaluation, evaluate, evaluate_on_votes, write_evaluation
from train.evaluation.prediction import Model, keras_metrics, keras_probabilities, load_model

__all__ = [
    "Evaluation",
    "Model",
    "evaluate",
    "evaluate_on_votes",
    "keras_metrics",
    "keras_probabilities",
    "load_model",
    "write_evaluation",
]
