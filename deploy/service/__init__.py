"""One service on one board: `mien service`, for an environment that pip installed, without a bundle and without keys.

`service_files` holds the paths, `own_environment` checks what the service would run, `service_choices` and
`preparation` make and check the configuration, the secrets and the weights before anything is written.
`service_installation` writes them and starts the service, with `file_changes` to undo it; `removal` takes everything
away; `service_report` shows the state. `systemctl` and `service_unit` are about systemd.
"""
