"""`mien deploy push` to real ssh servers."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.push.delivery import Outcome, Payload, deliver
from deploy.push.rollout import roll_out
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
    assert [o.state for o in roll_out(hosts, deliver, 2, False)] == ["installed", "failed", "installed", "installed"]
    assert [o.state for o in roll_out(hosts[1:], deliver, 2, True)] == ["failed", "not tried", "not tried"]
    assert [o.host for o in roll_out(hosts, deliver, 3, True)] == hosts


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

    payload = Payload(SHIPPED, SHIPPED, None, "0" * 64, (), False)
    outcome = deliver(Broken(), payload, lambda *_: None)
    assert (outcome.state, outcome.message) == ("failed", "unexpected [2J")
