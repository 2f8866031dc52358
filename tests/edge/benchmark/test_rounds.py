import pytest

from edge.benchmark.rounds import MAX_FACTOR, Rounds, TimedWorkload, summarize
from edge.benchmark.worker_process import WorkerError


class Machine:
    """Work that takes a tenth of a millisecond, or twice as long while something else has the machine."""

    def __init__(self, disturbed):
        self.rounds, self.disturbed, self.asked = 0, disturbed, 0

    def factor(self):
        return 2.0 if self.disturbed(self.rounds) else 1.0

    def reference(self, times):
        return [0.1 * self.factor()] * times

    def work(self, ms):
        def burst(times):
            self.asked += 1
            return [ms * self.factor()] * times

        return burst


def run(disturbed, requested=20):
    machine = Machine(lambda n: False)
    rounds = Rounds(
        [TimedWorkload("a", machine.work(0.2)), TimedWorkload("b", machine.work(30))],
        TimedWorkload("r", machine.reference),
        requested,
    )

    def next_round(done, total):
        assert total == requested
        machine.rounds += 1
        machine.disturbed = disturbed

    machine.disturbed = disturbed
    rounds.run(progress=next_round)
    return rounds


def test_a_quiet_machine_needs_the_rounds_that_were_asked_for():
    rounds = run(lambda n: False)
    assert rounds.finished == len(rounds.counted()) == 20
    short, long = map(rounds.summary, rounds.workloads)
    assert (short.p50_ms.value, long.p50_ms.value) == pytest.approx((0.2, 30))
    # A burst is some 20 ms; what takes longer runs once.
    assert (short.n, long.n) == (20 * 100, 20)


def test_disturbed_rounds_are_run_again_and_do_not_count():
    rounds = run(lambda n: n < 15)
    assert rounds.finished == 35
    assert rounds.counted() == list(range(15, 35))
    assert rounds.summary(rounds.workloads[0]).p99_ms == pytest.approx(0.2)


def test_where_too_few_are_undisturbed_all_count():
    rounds = run(lambda n: n % 8 != 0)
    assert rounds.finished == MAX_FACTOR * 20
    assert len(rounds.undisturbed()) == 8
    assert len(rounds.counted()) == 60
    assert rounds.summary(rounds.workloads[0]).p50_ms.value == pytest.approx(0.4)


def test_a_workload_that_fails_is_dropped_and_the_others_continue():
    machine = Machine(lambda n: False)

    def fails(times):
        if machine.asked > 12:
            raise WorkerError("its process died")
        return [1.0] * times

    bad, good = TimedWorkload("bad", fails), TimedWorkload("good", machine.work(1.0))
    rounds = Rounds([bad, good], TimedWorkload("none", lambda n: [], error="none"), 9)
    rounds.run()
    assert bad.error == "its process died"
    assert len(bad.ms) < 9
    assert (good.error, len(good.ms)) == ("", 9)
    assert rounds.summary(bad).n > 0


def test_of_no_rounds_there_is_no_summary():
    assert summarize([]) is None
