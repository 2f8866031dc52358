"""Delivers one bundle to several hosts in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.push.delivery import Outcome


def roll_out(hosts: Sequence[str], deliver: Callable[[str], Outcome], jobs: int, has_canary: bool) -> list[Outcome]:
    """Deliver to each host; with a canary, to the first host alone, and to the others once that succeeds.

    Args:
        hosts: their names.
        deliver: called with a name, in several threads.
        jobs: number of hosts at a time.
        has_canary: the first host is the canary.

    Returns:
        The outcomes, in the order of the hosts.
    """
    first, rest = (hosts[:1], hosts[1:]) if has_canary else ([], hosts)
    outcomes = [deliver(host) for host in first]
    if any(outcome.state == "failed" for outcome in outcomes):
        return outcomes + [Outcome(host, "not tried", f"the canary {hosts[0]} failed") for host in rest]
    with ThreadPoolExecutor(jobs) as pool:
        return outcomes + list(pool.map(deliver, rest))
