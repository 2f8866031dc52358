"""`mien deploy push` to real ssh servers."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.push import Outcome, Payload, deliver, parse_waves, probation_wait, read_hosts, roll_out, split_waves
from deploy.push.probation_wait import wait_for_probation
from edge.errors import DeployError, WrongUseError
from edge.system.board import peak_rss_mb
from edge.system.hashing import sha256_of
from tests.conftest import SHIPPED
from tests.deploy.conftest import BARE_PYTHON
from tests.deploy.sshd import Network, find


def ssh(test):
    """Mark a test that needs an ssh server."""
    return pytest.mark.slow(pytest.mark.real_part(test))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    find("sftp", "openssh-client")
    # `python3` on these machines is the Python that the bundles are for.
    bin_folder = tmp_path_factory.mktemp("bin")
    (bin_folder / "python3").symlink_to(Path(BARE_PYTHON).resolve())
    network = Network(tmp_path_factory.mktemp("ssh"), ("porch", "hall", "attic"), bin_folder)
    yield network
    network.close()


@pytest.fixture
def push(invoke, network, workshop):
    """`mien deploy push` to machines with empty home folders."""
    for machine in network.machines:
        shutil.rmtree(machine.home)
        machine.home.mkdir()

    def call(*arguments):
        options = ("--ssh-config", network.config, "--prefix", "mien", "--frames", 5, "--limit", 20)
        return invoke("deploy", "push", *options, "--pubkey", workshop.pubkey, *arguments)

    return call


@ssh
def test_several_hosts_in_parallel(push, network, workshop):
    done = push("porch", "hall", "attic", workshop.bundle("1.0"))
    assert done.code == 0, done.err
    assert [machine.current for machine in network.machines] == ["1.0"] * 3
    rows = done.out.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [[name, "installed"] for name in ("porch", "hall", "attic")]
    assert all("1.0 is the current release" in row for row in rows)
    # Nothing is left behind in the home folders.
    assert [list((machine.home / ".cache" / "mien-deploy").iterdir()) for machine in network.machines] == [[]] * 3


@ssh
def test_a_host_that_fails_does_not_stop_the_others(push, network, workshop):
    (network.machines[1].home / "mien").write_text("in the way")
    done = push("porch", "hall", "nowhere.invalid", "attic", "--json", workshop.bundle("1.0"))
    assert done.code == 1
    results = [json.loads(line) for line in done.out.splitlines()]
    assert [result["host"] for result in results] == ["porch", "hall", "nowhere.invalid", "attic"]
    assert [result["state"] for result in results] == ["installed", "failed", "failed", "installed"]
    assert "not installed on 2 of 4 hosts: hall, nowhere.invalid" in done.error_line()
    assert [machine.current for machine in network.machines] == ["1.0", None, "1.0"]
    assert "cannot write" in done.out


@ssh
def test_a_canary_that_succeeds_and_one_that_fails(push, network, workshop):
    assert push("--canary", "porch", "hall", workshop.bundle("1.0")).code == 0
    assert [machine.current for machine in network.machines[:2]] == ["1.0", "1.0"]
    done = push("--canary", "porch", "hall", "attic", workshop.bundle("2.0", how="crashes"))
    assert done.code == 1
    assert "the model is damaged" in done.out
    assert done.out.count("not tried") == 2
    assert [machine.current for machine in network.machines] == ["1.0", "1.0", None]
    # The other hosts were not contacted.
    assert not (network.machines[2].home / ".cache").exists()


@ssh
@pytest.mark.parametrize("half", ["right", "wrong", "longer"])
def test_an_interrupted_copy_is_resumed_or_started_again(push, network, workshop, half, request):
    if half != "right":
        request.getfixturevalue("long_checks")
    bundle, machine = workshop.bundle("1.0", ballast=b"b" * 200_000), network.machines[0]
    folder = machine.home / ".cache" / "mien-deploy"
    folder.mkdir(parents=True)
    content = bundle.read_bytes()
    there = {"right": content[:100_000], "wrong": b"x" * 100_000, "longer": content + b"x"}[half]
    (folder / f"{sha256_of(bundle)[:16]}.bundle").write_bytes(there)
    done = push("porch", bundle)
    assert done.code == 0, done.err + done.out
    assert machine.current == "1.0"


@ssh
def test_wrong_use_is_found_before_anything_is_copied(push, network, workshop, tmp_path):
    bundle = workshop.bundle("1.0")
    changed = tmp_path / "changed.bundle"
    changed.write_bytes(bundle.read_bytes()[:-12_000])
    for arguments, words, code in (
        (("porch", changed), "truncated", 1),
        (("porch", tmp_path / "none"), "cannot read the bundle", 2),
        (("porch", "porch", bundle), "given twice", 2),
        ((bundle, "porch"), "expected the hosts first, then the bundle", 2),
        ((), "no bundle is given", 2),
        ((bundle,), "no host is given", 2),
        (("--rollback",), "no host is given", 2),
        (("porch", bundle, "--to", "1.0"), "--to belongs to --rollback", 2),
        (("porch", bundle, "--canary", "--waves", "1"), "exclude each other", 2),
        (("porch", bundle, "--waves", "all"), "such as 1,10%,100%", 2),
        (("--", "-oProxyCommand=touch /tmp/x", bundle), "is not a host", 2),
    ):
        done = push(*arguments)
        assert done.code == code
        assert words in done.error_line()
    assert not (network.machines[0].home / ".cache").exists()


def test_a_rollout_keeps_the_order_and_reports_what_was_not_tried():
    def deliver(host):
        return Outcome(host, "failed" if "bad" in host else "installed", "")

    hosts = ["a", "bad", "c", "d"]
    assert [o.state for o in roll_out([hosts], deliver, 2)] == ["installed", "failed", "installed", "installed"]
    outcomes = roll_out([["a"], ["bad", "c"], ["d"], ["e"]], deliver, 2)
    assert [o.state for o in outcomes] == ["installed", "failed", "installed", "not tried", "not tried"]
    assert outcomes[3].message == "wave 2 of 4 failed: bad"
    assert [o.host for o in roll_out([hosts[:1], hosts[2:]], deliver, 3)] == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("waves", "count", "sizes"),
    [
        ("1,10%,100%", 200, [1, 19, 180]),
        ("1,10%,100%", 5, [1, 4]),
        ("1", 3, [1, 2]),
        ("100%", 3, [3]),
        ("5,2", 9, [5, 4]),
        ("50%", 0, []),
    ],
)
def test_waves_cover_every_host_once(waves, count, sizes):
    hosts = [f"host-{number}" for number in range(count)]
    parts = split_waves(hosts, parse_waves(waves))
    assert [len(part) for part in parts] == sizes
    assert [host for part in parts for host in part] == hosts


@pytest.mark.parametrize("text", ["", "1,,2", "0", "-1", "101%", "half", "1.5", "1,10 %x", "9999999", "²"])
def test_waves_that_are_none_are_rejected(text):
    with pytest.raises(WrongUseError, match="such as 1,10%,100%"):
        parse_waves(text)


def test_a_file_of_hosts(tmp_path):
    path = tmp_path / "hosts.txt"
    path.write_text("# at home\nporch\n\n  pi@hall.local  # behind the door\r\n")
    assert read_hosts(path) == ("porch", "pi@hall.local")
    for content, words in (
        (b"porch hall\n", "line 1: expected one host"),
        (b"# none\n", "has no host"),
        (b"\xff", "a text file"),
    ):
        path.write_bytes(content)
        with pytest.raises(WrongUseError, match=words):
            read_hosts(path)
    with pytest.raises(WrongUseError, match="cannot read the hosts"):
        read_hosts(tmp_path / "none")


@ssh
def test_hosts_of_a_file_in_waves_and_a_rollback_of_all(push, network, workshop, tmp_path):
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("hall\nattic\n")
    for version in ("1.0", "2.0"):
        done = push("--hosts", hosts, "--waves", "1,100%", "porch", workshop.bundle(version))
        assert done.code == 0, done.err
    assert [machine.current for machine in network.machines] == ["2.0"] * 3
    done = push("--rollback", "--hosts", hosts, "porch", "--json")
    assert done.code == 0, done.err
    results = [json.loads(line) for line in done.out.splitlines()]
    assert [(result["host"], result["state"]) for result in results] == [
        (name, "rolled back") for name in ("porch", "hall", "attic")
    ]
    assert [machine.current for machine in network.machines] == ["1.0"] * 3
    assert [list((machine.home / ".cache" / "mien-deploy").iterdir()) for machine in network.machines] == [[]] * 3
    done = push("--rollback", "--to", "3.0", "porch")
    assert done.code == 1
    assert "there is no release 3.0: expected one of 1.0, 2.0" in done.out
    assert "not rolled back on 1 of 1 hosts: porch" in done.error_line()


class Remote:
    """The installer of a host that gives these answers to `status`, the last one again and again."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def run(self, *words):
        assert words == ("status", "--json")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def status(left_s, *entries, current="2.0"):
    """An answer of `mien deploy status --json`."""
    history = [dict(zip(("action", "outcome", "reason"), entry, strict=True)) for entry in entries]
    probation = None if left_s is None else {"version": "2.0", "before": "1.0", "left_s": left_s}
    return json.dumps({"probation": probation, "history": history, "current": current})


INSTALLED = ("install", "activated", "")


def test_the_end_of_a_probation_is_waited_for(monkeypatch):
    monkeypatch.setattr(probation_wait, "_POLL_S", 0)
    passed = ("probation", "passed", "")
    lines = []
    answers = (
        status(300),
        DeployError("ssh: connection refused"),
        "not json",
        status(10),
        status(None, INSTALLED, passed),
    )
    assert wait_for_probation(Remote(*answers), 300, lines.append) == "it has passed its probation"
    assert lines == ["on probation, 300 s to run", "on probation, 10 s to run"]
    # No service runs there; an earlier release had passed.
    assert wait_for_probation(Remote(status(None, passed, INSTALLED)), 300, lines.append) == ""


def test_a_release_that_has_been_replaced_fails_its_host(monkeypatch):
    monkeypatch.setattr(probation_wait, "_POLL_S", 0)
    entries = (INSTALLED, ("probation", "unhealthy", "the service has ended: no camera, 62 s into its probation"))
    answers = (status(300), status(None, *entries, ("rollback", "activated", "requested"), current="1.0"))
    with pytest.raises(DeployError, match=r"no camera, 62 s into its probation; 1\.0 is current"):
        wait_for_probation(Remote(*answers), 300, print)
    with pytest.raises(DeployError, match=r"no longer answers .*: ssh: no route"):
        wait_for_probation(Remote(status(300), DeployError("ssh: no route")), 300, lambda line: None)
    monkeypatch.setattr(probation_wait, "_MARGIN_S", -300.0)
    with pytest.raises(DeployError, match="still on probation, 300 s to run"):
        wait_for_probation(Remote(status(300)), 300, lambda line: None)


@ssh
@pytest.mark.parametrize(
    ("session", "message"),
    [
        ('echo welcome to porch; eval "$SSH_ORIGINAL_COMMAND"', "the host answered 'welcome to porch"),
        ("exit 0", "the host answered ''"),
        ("yes", "writes without end"),
        ("yes >&2", "writes without end"),
        ("sleep 600", "no end after 5 s"),
        ("printf '\\033]0;owned\\007\\033[2Jbad\\n' >&2; exit 1", "]0;owned  [2Jbad"),
        ("printf '\\303\\050' >&2; exit 1", "("),
    ],
    ids=["banner", "nothing", "endless output", "endless errors", "hangs", "escape sequences", "no text"],
)
def test_whatever_a_host_does_the_others_are_installed(push, network, workshop, monkeypatch, session, message):
    monkeypatch.setattr("deploy.push.host.COMMAND_TIMEOUT_S", 5.0)
    porch = network.machines[0]
    (porch.home.parent / "session.sh").write_text(f"#!/bin/sh\n{session}\n")
    before_mb = peak_rss_mb()
    done = push("porch", "hall", "--json", workshop.bundle("1.0"))
    assert done.code == 1
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert (first["state"], second["state"]) == ("failed", "installed")
    assert message in first["message"]
    assert first["message"].isprintable()
    assert "Traceback" not in done.err
    assert peak_rss_mb() < before_mb + 50


def test_a_host_that_cannot_be_handled_at_all_is_a_result():
    class Broken:
        name = "porch"

        def run_script(self, *_):
            raise RuntimeError("unexpected\x1b[2J")

        def close(self):
            pass

    payload = Payload(SHIPPED, SHIPPED, None, "0" * 64, "mien", (), 0, False)
    outcome = deliver(Broken(), payload, lambda *_: None)
    assert (outcome.state, outcome.message) == ("failed", "unexpected [2J")
