"""The attackers' requests arrive, and the verdict notices what it has to notice."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from tests.soak import attackers, flood
from tests.soak.attackers import Attack, Attackers
from tests.soak.daemon import Usage
from tests.soak.verdict import GOAL_S, MAX_ALLOCATED_MB, MAX_LINES, MAX_SERVED_S, Verdict, _attacks

QUIET = Usage(100, 20, 15)


@pytest.fixture
def server():
    """A server that answers every request with its path; `requests` has the paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests.append(self.path)
            self.send_response(418)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", sorted(flood.KINDS))
def test_a_flood_ends_with_its_standard_input_and_counts_the_answers(server, kind):
    port = str(server.server_address[1])
    command = [sys.executable, "-P", flood.__file__, kind, port, port, "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while len(server.requests) < 20:
            assert process.poll() is None
        out, _ = process.communicate(timeout=60)
    answers = json.loads(out)
    assert answers["418"] >= 20
    assert sum(answers.values()) < len(server.requests) + 2


@pytest.fixture
def lane(monkeypatch):
    monkeypatch.setattr(attackers, "find", lambda name: name)
    return Attackers(1, threading.Event(), SimpleNamespace(), SimpleNamespace(), SimpleNamespace())


def test_every_attack_is_drawn_before_any_comes_again(lane):
    names = [lane._choose_name() for _ in range(2 * len(lane._names))]
    assert len(lane._names) > 10
    assert sorted(names[: len(lane._names)]) == sorted(names[len(lane._names) :]) == lane._names


def failures(lane, **changed):
    harmless = {"before": QUIET, "peak": QUIET, "after": QUIET, "before_s": 0.1, "served_s": [0.1, 0.2], "lines": 3}
    lane.attacks = [Attack("signals", **harmless), Attack("signals", **{**harmless, **changed})]
    verdict = Verdict()
    _attacks(verdict, lane)
    return verdict.failures


def test_an_attack_without_effect_passes(lane):
    assert failures(lane) == []
    # A viewer may have to wait on a busy machine.
    assert failures(lane, served_s=[0.1, GOAL_S + 1]) == []


@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"served_s": [0.1, MAX_SERVED_S]}, "viewer served during an attack"),
        ({"lines": MAX_LINES}, "most lines in the log"),
        ({"peak": Usage(100, 200, 15)}, "more descriptors during an attack"),
        ({"after": Usage(100, 40, 15)}, "more descriptors after an attack"),
        ({"peak": Usage(101 + MAX_ALLOCATED_MB, 20, 15)}, "more memory, MB during an attack"),
        ({"after": Usage(130, 20, 15)}, "more memory, MB after an attack"),
    ],
)
def test_what_an_attack_may_not_cost(lane, changed, failure):
    (found,) = failures(lane, **changed)
    assert found.startswith(failure)


def test_a_file_behind_a_link_may_not_be_written(lane):
    lane.overwritten.append("victim")
    (found,) = failures(lane)
    assert "an attacker's links" in found


def test_a_run_without_attacks_proves_nothing(lane):
    verdict = Verdict()
    _attacks(verdict, lane)
    assert verdict.failures == ["attacks: 0, expected some"]
