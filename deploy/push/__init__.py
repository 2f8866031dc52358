"""Installs a bundle on other machines, or rolls them back, with the `ssh` and `sftp` programs of this one.

`waves` and `rollout` decide which hosts come when, `delivery` copies a bundle to one host and installs it there,
`reversal` rolls one back, and `host` runs the commands.
"""

from deploy.push.delivery import Payload, deliver
from deploy.push.host import Host
from deploy.push.outcome import Outcome
from deploy.push.reversal import Reversal, revert
from deploy.push.rollout import roll_out
from deploy.push.waves import parse_waves, read_hosts, split_waves

__all__ = [
    "Host",
    "Outcome",
    "Payload",
    "Reversal",
    "deliver",
    "parse_waves",
    "read_hosts",
    "revert",
    "roll_out",
    "split_waves",
]
