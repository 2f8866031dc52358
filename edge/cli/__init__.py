"""The sub-commands of the device, one file each, and the options that several commands share."""
