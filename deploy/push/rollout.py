"""One bundle to many machines, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.push.delivery import Outcome

Deliver = Callable[[str], Outcome]


def roll_out(hosts: Sequence[str], deliver: Deliver, jobs: int, has_canary: bool) -> list[Outcome]:
    """Deliver to each host; with a canary to the first one alone, and to the others once that is well.

    Args:
        hosts: their names.
        deliver: called in several threads.
        jobs: hosts at a time.
        has_canary: the first is one.

    Returns:
        The outcomes, in the order of the hosts.
    """
    first, rest = (hosts[:1], hosts[1:]) if has_canary else ([], hosts)
    outcomes = [deliver(host) for host in first]
    if any(outcome.state == "failed" for outcome in outcomes):
        return outcomes + [Outcome(host, "not tried", f"{hosts[0]} went first and failed") for host in rest]
    with ThreadPoolExecutor(jobs) as pool:
        return outcomes + list(pool.map(deliver, rest))
