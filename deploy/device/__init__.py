"""What runs on the device: checks a bundle, installs it, and rolls back. It uses the standard library alone.

A Raspberry Pi without mien runs these modules with the system's Python, so nothing here may import click or any other
package that has to be installed first; `deploy.build.installer_script` packs the modules into one file. For the same
reason they keep small copies of helpers that `edge` has too.

`command_line` is the entry point without click. `installation` and `reversion` are the two operations on a
`release_store`; `checked_bundle` (with `archive`, `manifest` and `signature`) verifies what is installed, `release`
builds its environment, `health_gate` tries it, `service` hands it to systemd, and `history` records the outcome.
Nothing is exported here: the installer loads only the modules that a command needs.
"""
