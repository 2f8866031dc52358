"""`python -m edge run ...` is `mien run ...`."""

from edge.cli import main

main()
