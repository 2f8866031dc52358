"""Installs a bundle on other machines, with the `ssh` and `sftp` programs of this one.

`rollout` decides which hosts come when, `delivery` copies a bundle to one host and installs it there, and `host` runs
the commands.
"""

from deploy.push.delivery import Outcome, Payload, deliver
from deploy.push.host import Host
from deploy.push.rollout import roll_out

__all__ = ["Host", "Outcome", "Payload", "deliver", "roll_out"]
