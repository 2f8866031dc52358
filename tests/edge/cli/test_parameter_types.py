import pytest

from edge.cli.parameter_types import parse_percent
from edge.errors import WrongUseError


@pytest.mark.parametrize(("text", "percent"), [("50", 50), ("50%", 50), ("12.5 %", 12.5), ("200", 200)])
def test_percentages_with_and_without_the_sign(text, percent):
    assert parse_percent(text) == percent


@pytest.mark.parametrize("text", ["", "%", "half", "0", "-5%", "nan", "inf", "10001", "50%%"])
def test_what_is_no_percentage(text):
    with pytest.raises(WrongUseError, match="expected 1 to 10000, such as 80 or 80%"):
        parse_percent(text)


@pytest.mark.usefixtures("weights")
def test_the_option_takes_the_sign(invoke):
    assert invoke("run", "--source", "demo", "--max-frames", "1", "--max-cpu", "5000%").code == 0
    done = invoke("run", "--source", "demo", "--max-frames", "1", "--max-cpu", "half")
    assert (done.code, "'half' is not a percentage of a core" in done.error_line()) == (2, True)
