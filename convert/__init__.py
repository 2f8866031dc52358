"""The conversion of a float model (.keras, .h5, SavedModel) to .tflite, and of a .tflite to ONNX, with proof.

`api` holds the verbs that this package exports; the commands of `cli` call them. A `float_model` is loaded,
`calibration` draws the representative set from `labeled_faces`, `quantization` makes the graph of a scheme and
`graph_edit` changes what lies around it; `analysis` measures the result, `quality_gate` decides whether it passes, and
`conversion` does all of this in turn. `calibrated_card` writes into the card what `score_fit` fits; `micro` writes a
model as a project for microcontrollers. Untrusted files are loaded in the `sandbox` first. This is the only package
that imports tensorflow, and it does so only when it converts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from convert.api import inspect, micro, quantize, verify
    from convert.calibrated_card import calibrate

__all__ = ["calibrate", "inspect", "micro", "quantize", "verify"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "calibrate": "convert.calibrated_card:calibrate",
        **{name: f"convert.api:{name}" for name in ("inspect", "micro", "quantize", "verify")},
    },
)
