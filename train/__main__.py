"""`python -m train ...` is `mien train ...`."""

from edge.cli import main
from train.cli import train

main(train, "mien train")
