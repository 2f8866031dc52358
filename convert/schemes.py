"""Names of the quantisation schemes, as DESIGN's cards and file names have them."""

from __future__ import annotations

SCHEMES = ("int8", "float32", "float16", "dynamic", "int16x8")
#: Those that need a representative set.
CALIBRATED = ("int8", "int16x8")
