"""Evaluation of a classifier, with numpy alone: metrics, calibration, and pages that show them.

`classification` compares predictions with labels, `calibration` compares scores with accuracy, and `html` renders
templates to self-contained pages. `train` and `convert` use them as the benchmark does.
"""

from edge.evaluation.calibration import Bin, Calibration, measure_calibration
from edge.evaluation.classification import Metrics, score
from edge.evaluation.html import render_html, write_html

__all__ = ["Bin", "Calibration", "Metrics", "measure_calibration", "render_html", "score", "write_html"]
