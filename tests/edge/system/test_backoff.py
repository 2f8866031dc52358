from itertools import pairwise

from edge.system.backoff import FIRST_S, JITTER, LONGEST_S, Backoff


def test_waits_double_are_bounded_and_restart_after_a_reset():
    backoff = Backoff()
    waits = [backoff.next_s() for _ in range(5000)]
    assert abs(waits[0] - FIRST_S) <= FIRST_S * JITTER
    for before, after in pairwise(waits[:6]):
        assert 2 * (1 - JITTER) / (1 + JITTER) <= after / before <= 2 * (1 + JITTER) / (1 - JITTER)
    assert max(waits) <= LONGEST_S * (1 + JITTER)
    assert min(waits[10:]) >= LONGEST_S * (1 - JITTER)
    # They differ, so that several daemons do not stay in step.
    assert len(set(waits[10:])) > 100
    backoff.reset()
    assert backoff.next_s() <= FIRST_S * (1 + JITTER)
