"""Puts mien onto devices: a signed bundle, installed in one command and rolled back if it does not work.

`build` makes bundles on a workstation, `device` installs them, `push` installs them on other machines over ssh.
`service` makes a service of an environment that pip installed, without a bundle. `cli` holds the commands of `mien
deploy` and `mien service`. `containers` holds the compose files of the image and its health check; `ansible`, `fleet`
and `systemd` are files for other programs.
"""
