"""`python -m mien ...` is the command `mien ...`."""

from edge.cli.main import main

main()
