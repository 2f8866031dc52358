"""The names of the quantization schemes, as model cards and file names have them."""

from __future__ import annotations

SCHEMES = ("int8", "float32", "float16", "dynamic", "int16x8")
#: The schemes that need a representative set to calibrate on.
CALIBRATED = ("int8", "int16x8")
