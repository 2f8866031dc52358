"""Waits for a state, with a deadline that only a broken program reaches."""

import time

import pytest


def wait_until(state, what, timeout_s=30.0):
    """Return what `state()` returns once that is true; fail after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not (answer := state()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"not in {timeout_s:.0f} s: {what}")
        time.sleep(0.01)
    return answer
