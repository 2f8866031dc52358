"""`mien deploy push` against real sshds."""

import shutil
from pathlib import Path

import pytest

from deploy.push.delivery import Outcome
from deploy.push.rollout import roll_out
from edge.system.hashing import sha256_of
from tests.deploy.conftest import BARE_PYTHON
from tests.deploy.sshd import Network, find


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    find("sftp", "openssh-client")
    # python3 there is the Python that the bundles are for.
    bin_folder = tmp_path_factory.mktemp("bin")
    (bin_folder / "python3").symlink_to(Path(BARE_PYTHON).resolve())
    network = Network(tmp_path_factory.mktemp("ssh"), ("porch", "hall", "attic"), bin_folder)
    yield network
    network.close()


@pytest.fixture(autouse=True)
def empty_homes(network):
    for machine in network.machines:
        shutil.rmtree(machine.home)
        machine.home.mkdir()


@pytest.fixture
def push(mien, network, workshop):
    def call(*arguments):
        options = ("--ssh-config", network.config, "--prefix", "mien", "--frames", 5, "--limit", 20)
        return mien("deploy", "push", *options, "--pubkey", workshop.pubkey, *arguments)

    return call


def test_to_several_machines_side_by_side(push, network, workshop):
    done = push("porch", "hall", "attic", workshop.bundle("1.0"))
    assert done.code == 0, done.err
    assert [machine.current for machine in network.machines] == ["1.0"] * 3
    rows = done.out.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [[name, "installed"] for name in ("porch", "hall", "attic")]
    assert all("1.0 is the current release" in row for row in rows)
    # Nothing of it is left lying in the homes.
    assert [list((machine.home / ".cache" / "mien-deploy").iterdir()) for machine in network.machines] == [[]] * 3


def test_one_that_fails_does_not_stop_the_others(push, network, workshop):
    (network.machines[1].home / "mien").write_text("in the way")
    done = push("porch", "hall", "nowhere.invalid", "attic", workshop.bundle("1.0"))
    assert done.code == 1
    assert "2 of 4 hosts do not have it: hall, nowhere.invalid" in done.error_line()
    assert [machine.current for machine in network.machines] == ["1.0", None, "1.0"]
    assert "cannot write" in done.out


def test_a_canary_that_is_well_and_one_that_is_not(push, network, workshop):
    assert push("--canary", "porch", "hall", workshop.bundle("1.0")).code == 0
    assert [machine.current for machine in network.machines[:2]] == ["1.0", "1.0"]
    done = push("--canary", "porch", "hall", "attic", workshop.bundle("2.0", how="crashes"))
    assert done.code == 1
    assert "the model is damaged" in done.out
    assert done.out.count("not tried") == 2
    assert [machine.current for machine in network.machines] == ["1.0", "1.0", None]
    # The others were not even asked.
    assert not (network.machines[2].home / ".cache").exists()


@pytest.mark.parametrize("half", ["right", "wrong", "longer"])
def test_a_copy_that_was_cut_off_goes_on_or_begins_anew(push, network, workshop, half, request):
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


def test_what_is_wrong_here_is_found_here(mien, push, network, workshop, tmp_path):
    bundle = workshop.bundle("1.0")
    changed = tmp_path / "changed.bundle"
    changed.write_bytes(bundle.read_bytes()[:-12_000])
    for arguments, words, code in (
        (("porch", changed), "cut short", 1),
        (("porch", tmp_path / "none"), "cannot read the bundle", 2),
        (("porch", "porch", bundle), "named twice", 2),
        (("--", "-oProxyCommand=touch /tmp/x", bundle), "is no host", 2),
    ):
        done = push(*arguments)
        assert done.code == code
        assert words in done.error_line()
    assert not (network.machines[0].home / ".cache").exists()


def test_a_roll_out_keeps_the_order_and_knows_what_was_not_tried():
    def deliver(host):
        return Outcome(host, "failed" if "bad" in host else "installed", "")

    hosts = ["a", "bad", "c", "d"]
    assert [o.state for o in roll_out(hosts, deliver, 2, False)] == ["installed", "failed", "installed", "installed"]
    assert [o.state for o in roll_out(hosts[1:], deliver, 2, True)] == ["failed", "not tried", "not tried"]
    assert [o.host for o in roll_out(hosts, deliver, 3, True)] == hosts
