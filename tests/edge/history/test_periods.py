"""Sums by hour, day and hour of the day, in local time."""

import time
from datetime import datetime

import pytest

from edge.history import Stay, read_stays, sum_up
from tests.edge.history.made_history import made_history, made_stay


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    """Central European Time, without a file of time zones."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text):
    return datetime.fromisoformat(text).timestamp()


def test_a_stay_is_divided_among_hours():
    stay = Stay(at("2026-11-28 22:30"), at("2026-11-29 01:30"), {"happy": 0.25, "uncertain": 0.5, "angry": 0.25})
    periods = sum_up([stay], "hour")
    assert [(p.title, p.seconds, p.faces) for p in periods] == [
        ("2026-11-28 22:00", 1800, 1),
        ("2026-11-28 23:00", 3600, 1),
        ("2026-11-29 00:00", 3600, 1),
        ("2026-11-29 01:00", 1800, 1),
    ]
    assert list(periods[1].shares.items()) == [("angry", 0.25), ("happy", 0.25), ("uncertain", 0.5)]
    assert periods[0].as_dict() == {
        "start": "2026-11-28T21:00:00Z",
        "faces": 1,
        "seconds": 1800,
        "shares": {"angry": 0.25, "happy": 0.25, "uncertain": 0.5},
    }
    days = sum_up([stay], "day")
    assert [(p.title, p.seconds) for p in days] == [("2026-11-28", 5400), ("2026-11-29", 5400)]
    assert days[1].as_dict()["start"] == "2026-11-28T23:00:00Z"


def test_hours_of_the_day_are_summed_over_days():
    stays = [
        Stay(at("2026-11-28 13:10"), at("2026-11-28 13:20"), {"happy": 1.0}),
        Stay(at("2026-11-29 13:50"), at("2026-11-29 14:10"), {"sad": 1.0}),
        # 25 hours: each hour of the day, and one of them twice, with one face.
        Stay(at("2026-11-30 00:00"), at("2026-12-01 01:00"), {"neutral": 1.0}),
    ]
    periods = {p.title: p for p in sum_up(stays, "hour-of-day")}
    assert len(periods) == 24
    assert (periods["13:00"].faces, periods["13:00"].seconds) == (3, 600 + 600 + 3600)
    assert (periods["14:00"].faces, periods["14:00"].seconds) == (2, 600 + 3600)
    assert (periods["00:00"].faces, periods["00:00"].seconds) == (1, 7200)
    assert periods["14:00"].as_dict()["local_hour"] == 14


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_on_which_the_clocks_change(day, hours):
    begin_s = at(f"{day} 00:00")
    stay = Stay(begin_s, begin_s + hours * 3600, {"happy": 1.0})
    assert [(p.title, p.seconds) for p in sum_up([stay], "day")] == [(day, hours * 3600)]
    assert [p.seconds for p in sum_up([stay], "hour")] == [3600] * hours


def test_a_face_in_a_single_frame_counts_as_a_face():
    (period,) = sum_up([Stay(at("2026-11-29 13:00"), at("2026-11-29 13:00"), {"happy": 1.0})], "hour")
    assert (period.faces, period.seconds, period.shares) == (1, 0, {})


def test_times_a_moment_before_the_hour():
    end_s = at("2026-11-29 14:00")
    stays = [Stay(end_s - 3e-7, end_s, {"happy": 1.0}), Stay(end_s - 1e-3, end_s - 3e-7, {"happy": 1.0})]
    assert [p.title for p in sum_up(stays, "hour")] == ["2026-11-29 13:00"]


def test_a_stay_that_began_earlier_is_cut(tmp_path):
    end_s = at("2026-11-29 14:00")
    path = made_history(tmp_path / "h.db", [made_stay(end_s, 600, track_id=1), made_stay(end_s - 3600, track_id=2)])
    (stay,) = read_stays(path, since_s=end_s - 100)
    assert (stay.begin_s, stay.end_s) == (end_s - 100, end_s)
    assert len(list(read_stays(path))) == 2
