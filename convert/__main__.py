"""`python -m convert ...` is `mien convert ...`."""

from convert.cli import convert
from edge.cli import main

main(convert, "mien convert")
