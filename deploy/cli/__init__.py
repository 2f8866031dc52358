"""The commands of `mien deploy`, one file each; `group` loads them when they are used, `options` is what they share.

Nothing is exported here, so that `mien --help` imports none of them.
"""
