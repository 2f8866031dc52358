"""Commands of `mien train`, one file each."""
