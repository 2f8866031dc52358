"""Changes several hosts in parallel, in waves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.push.outcome import Outcome


def roll_out(waves: Sequence[Sequence[str]], change: Callable[[str], Outcome], jobs: int) -> list[Outcome]:
    """Change the hosts of each wave; the next wave begins once all of the one before have succeeded.

    Args:
        waves: the names of the hosts in each.
        change: called with a name, in several threads.
        jobs: number of hosts at a time.

    Returns:
        The outcomes, in the order of the hosts.
    """
    outcomes: list[Outcome] = []
    reason = ""
    for number, hosts in enumerate(waves, 1):
        if reason:
            outcomes += [Outcome(host, "not tried", reason) for host in hosts]
            continue
        with ThreadPoolExecutor(jobs) as pool:
            outcomes += pool.map(change, hosts)
        if failed := [outcome.host for outcome in outcomes if outcome.state == "failed"]:
            reason = f"wave {number} of {len(waves)} failed: {', '.join(failed)}"
    return outcomes
