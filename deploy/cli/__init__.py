"""The commands of `mien deploy` and `mien service`, one file each.

`group` and `service_group` load them when they are used, `options` is what those of `mien deploy` share. Nothing is
exported here, so that `mien --help` imports none of them.
"""
