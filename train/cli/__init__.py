"""The commands of `mien train`, one file each; `group` lists them without importing them."""
