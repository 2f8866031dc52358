import pytest

from edge.benchmark.pareto import Point, dominators, pareto_front, parse_constraint, pick
from edge.errors import MienError, WrongUseError

QUICK, MIDDLE, GOOD = Point("quick", 0.2, 0.66), Point("middle", 0.4, 0.70), Point("good", 2.0, 0.72)
SLOW, TWIN = Point("slow", 0.5, 0.69), Point("twin", 0.4, 0.70)


def test_who_dominates_whom():
    found = dominators([GOOD, QUICK, SLOW, MIDDLE])
    assert found == {"good": None, "quick": None, "slow": "middle", "middle": None}
    assert [p.name for p in pareto_front([GOOD, QUICK, SLOW, MIDDLE])] == ["quick", "middle", "good"]


def test_of_two_alike_neither_dominates():
    assert dominators([MIDDLE, TWIN]) == {"middle": None, "twin": None}
    assert pareto_front([]) == []


@pytest.mark.parametrize(
    ("text", "limit"), [("latency<5ms", 5.0), ("latency < 0.5", 0.5), ("latency<=300us", 0.3), ("LATENCY<.01s", 10.0)]
)
def test_constraints_on_latency(text, limit):
    assert parse_constraint(text).latency_below_ms == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "limit"), [("accuracy>70", 0.7), ("accuracy > 68.5 %", 0.685), ("accuracy>=0.5%", 0.005)]
)
def test_constraints_on_accuracy(text, limit):
    assert parse_constraint(text).accuracy_above == pytest.approx(limit)


@pytest.mark.parametrize(
    "text", ["", "latency>5ms", "accuracy<70", "accuracy>700", "speed<5", "latency<5min", "latency<"]
)
def test_constraints_that_cannot_be_parsed(text):
    with pytest.raises(WrongUseError, match="expected 'latency<5ms' or 'accuracy>70'"):
        parse_constraint(text)


def test_an_accuracy_as_a_share_gets_a_suggestion():
    with pytest.raises(WrongUseError, match=r"in percent; did you mean accuracy>72\.5\?"):
        parse_constraint("accuracy > 0.725")
    assert parse_constraint("accuracy>0.5%").accuracy_above == pytest.approx(0.005)
    assert parse_constraint("accuracy>=0").accuracy_above == 0


@pytest.mark.parametrize(
    ("constraints", "name"),
    [
        (["latency<1ms"], "middle"),
        (["latency<0.3ms"], "quick"),
        (["accuracy>65"], "quick"),
        (["accuracy>71"], "good"),
        (["accuracy>65", "latency<1ms"], "middle"),
    ],
)
def test_what_to_ship(constraints, name):
    assert pick([GOOD, QUICK, SLOW, MIDDLE], [parse_constraint(constraint) for constraint in constraints]).name == name


def test_nothing_to_ship():
    with pytest.raises(
        MienError, match=r"no model meets accuracy>90; the Pareto front is: quick 0.2 ms 66.00%, good 2 ms"
    ):
        pick([GOOD, QUICK], [parse_constraint("accuracy>90")])
