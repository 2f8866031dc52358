"""The `mien` command and its sub-commands for the device, one file each.

`main.py` holds the command and turns errors into one line and an exit status, `options.py` the options that several
commands share, `config_file.py` the configuration file, `parameter_types.py` and `duration.py` the types of option
values, `signals.py` the signals. Progress bars (`progress.py`) and tables (`tables.py`) are the only users of rich.
"""
