"""The names of the quantization schemes, as model cards and file names have them."""

from __future__ import annotations

SCHEMES = ("int8", "float32", "float16", "dynamic", "int16x8")
#: The schemes that need a representative set to calibrate on.
CALIBRATED = ("int8", "int16x8")

#: The ways to estimate a range, by name, and what they do. The first is the default.
ESTIMATORS = {
    "mse": "the least mean squared error over all images",
    "mse-drawn": "the least mean squared error over the images that were drawn",
    "min-max": "the least and the greatest value over all images",
    "min-max-drawn": "the least and the greatest value over the images that were drawn",
    "percentile": "all but one in ten thousand of the values of the images that were drawn, on either side",
    "average": "the means of each drawn image's least and greatest value",
}
#: In place of an estimator: the one that agrees best with the float model.
AUTO = "auto"
