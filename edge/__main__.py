"""`python -m edge run ...` is `mien run ...`."""

from edge.cli.main import main

main()
