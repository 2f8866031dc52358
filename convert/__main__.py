"""`python -m convert ...` runs `mien convert ...`."""

from convert.cli.group import convert
from edge.cli.main import main

main(convert, "mien convert")
