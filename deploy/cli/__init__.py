"""Sub-commands of `mien deploy`, one file each."""
