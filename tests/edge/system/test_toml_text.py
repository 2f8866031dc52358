"""TOML from files that somebody names."""

import tomllib

import pytest

from edge.system.toml_text import parse_toml


def test_it_reads_what_tomllib_reads():
    text = 'a.b = 1\n[c]\nsink = ["mqtt://192.168.0.1", "jsonl:a.b"]\n# ...\n'
    assert parse_toml(text) == tomllib.loads(text)
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_toml("a = ")


@pytest.mark.parametrize("text", [f"{'a.' * 250_000}a = 1", f"[{'a.' * 250_000}a]", f"b = {{{'a.' * 250_000}a = 1}}"])
def test_a_key_of_many_parts_is_rejected_before_it_costs_hours(text):
    with pytest.raises(ValueError, match="line 2 has 250000 dots: expected at most 200"):
        parse_toml(f"first = 0\n{text}\n")
