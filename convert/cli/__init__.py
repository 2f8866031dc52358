"""The commands of `mien convert`, one file each."""
