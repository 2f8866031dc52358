"""The fuzzer works: it is repeatable, and finds, saves and replays what is wrong with a parser."""

import json
import random

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.campaign import Campaign
from tests.fuzz.corpus_maker import MAX_BYTES
from tests.fuzz.mutator import Mutator
from tests.fuzz.outcome import examine
from tests.fuzz.registry import TARGETS
from tests.fuzz.shared_state import SharedState
from tests.fuzz.target import CORPUS
from tests.fuzz.targets.planted import Planted
from tests.fuzz.worker import Feeder


def mutants(target, n, seed=0):
    """The first inputs of the mutator."""
    mutator = Mutator(target, target.seeds())
    return [mutator.fresh(random.Random(f"{seed} {number}")) for number in range(n)]


@pytest.mark.parametrize("name", ["manifest", "ferplus"])
def test_a_few_hundred_inputs_are_accepted_or_rejected(name, tmp_path):
    target = TARGETS[name].load()(tmp_path)
    outcomes = [examine(target, data) for data in mutants(target, 300)]
    assert [outcome for outcome in outcomes if outcome.ending == "finding"] == []
    assert {outcome.ending for outcome in outcomes} == {"accepted", "rejected"}


@pytest.mark.parametrize("name", ["manifest", "ferplus", "bundle", "image"])
def test_the_same_seed_makes_the_same_inputs(name, tmp_path):
    target = TARGETS[name].load()(tmp_path)
    assert mutants(target, 50) == mutants(target, 50)
    assert mutants(target, 50) != mutants(target, 50, seed=1)


def test_every_target_has_a_corpus_and_all_of_it_is_small():
    for name in TARGETS:
        borrowed = {"sandbox": "graph", "release": "manifest"}
        assert any((CORPUS / borrowed.get(name, name)).iterdir()), name
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < MAX_BYTES


def test_a_planted_mistake_is_found_saved_and_replayed(tmp_path, capsys):
    lines, state = [], SharedState.create(tmp_path / "state")
    feeder = Feeder(Planted(tmp_path), state, tmp_path / "found", lines.append)
    for data in (b"A", b"E long", b"E", b"E longer", b"x", b"L"):
        feeder.feed(data)
    assert (state.inputs, state.accepted, state.rejected, state.findings) == (6, 1, 1, 4)
    state.close()
    found = {json.loads(line)["file"]: json.loads(line) for line in lines}
    assert sorted(finding["kind"] for finding in found.values()) == ["KeyError", "message"]
    file = next(file for file, finding in found.items() if finding["kind"] == "KeyError")
    # The shortest of the inputs that show it.
    assert (tmp_path / file).read_bytes() == b"E"
    assert main(["--replay", file, "--target", "planted"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "finding: 'planted'\n"
    assert "KeyError: 'planted'" in printed.err
    accepted = CORPUS / "planted" / "accepted.txt"
    assert main(["--replay", str(accepted), "--target", "planted"]) == 0
    assert capsys.readouterr().out == "accepted\n"


def test_replay_needs_the_one_target(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--replay", "x"])
    assert "needs the one target" in capsys.readouterr().err


def test_ctrl_c_ends_with_the_table_so_far(tmp_path, monkeypatch, capsys):
    def interrupt(campaign):
        raise KeyboardInterrupt

    monkeypatch.setattr(Campaign, "run", interrupt)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--minutes", "0.01", "--out", str(tmp_path / "fuzz.json")]) == 130
    assert "longest s" in capsys.readouterr().out
    assert json.loads((tmp_path / "fuzz.json").read_text())["findings"] == []


@pytest.mark.slow
def test_crashes_hangs_and_growth_are_attributed_to_their_inputs(tmp_path, monkeypatch):
    corpus = tmp_path / "corpus" / "planted"
    corpus.mkdir(parents=True)
    for letter in "ACEHLM":
        (corpus / letter).write_text(letter)
    monkeypatch.setenv("MIEN_FUZZ_CORPUS", str(tmp_path / "corpus"))
    (tmp_path / "scratch").mkdir()
    campaign = Campaign(["planted"], 0.05, 0, tmp_path / "found", tmp_path / "scratch", lambda line: None)
    campaign.run()
    found = {finding.kind: (tmp_path / finding.file).read_bytes()[:1] for finding in campaign.findings()}
    assert found == {"crash": b"C", "KeyError": b"E", "hang": b"H", "message": b"L", "memory": b"M"}
    (worker,) = campaign.done
    assert worker.problem == ""
    assert worker.state.inputs >= worker.state.seeds == 6
