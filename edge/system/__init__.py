"""What every room needs of the machine and of the process: no other room of `edge` but its errors is imported here.

The machine: `board` (processor, memory, temperature, throttling), `cpu`, `energy`, `memory`. Files: `atomic_files`,
`cache`, `hashing`, `regular_files`, `archives`, `image_header`. Text from outside: `untrusted_text`. Clients of a
server: `open_connections`, `login_attempts`. Secrets and what must not show them: `credentials`, `addresses`. The
process and its children: `processes`, `standard_streams`, `native_logs`, `logs`, `backoff`. Classes by name and by
plug-in: `registry`.

Import from the modules: some commands need one of them and must start quickly.
"""
