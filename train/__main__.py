"""`python -m train ...` is the same as `mien train ...`."""

from edge.cli.main import main
from train.cli.group import train

main(train, "mien train")
