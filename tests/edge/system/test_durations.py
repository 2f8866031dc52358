"""Durations as people write them."""

import pytest

from edge.errors import WrongUseError
from edge.system.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), (".5h", 1800), ("2 d", 172800), (" 7 ", 7)]
)
def test_durations(text, seconds):
    assert parse_duration(text, 1, 1e6) == seconds


@pytest.mark.parametrize("text", ["", "s", "1w", "-1", "1e3", "0.5", "1000001", "nan", "٣", "1s2"])
def test_invalid_durations(text):
    with pytest.raises(WrongUseError, match=r"expected at least 1 second and at most 1e\+06 seconds, written as"):
        parse_duration(text, 1, 1e6)
