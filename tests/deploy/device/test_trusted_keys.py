"""A fleet moves from one key to another by bundles alone, and a key that was revoked stays so."""

import json

import pytest

from deploy.build.signing_keys import generate_keys
from deploy.device.trusted_keys import MAX_KEYS, KeyChange, TrustedKeys, key_id, read_change, split_keys
from edge.errors import BundleError, DeployError


@pytest.fixture
def new_key(tmp_path):
    generate_keys(tmp_path / "new")
    return tmp_path / "new"


def public(key):
    return key.with_name(f"{key.name}.pub").read_bytes()


def status(device):
    return json.loads(device.run("status", "--json").out)


def install(device, bundle):
    return device.run("install", bundle, "--frames", 5, "--limit", 20)


def test_a_key_is_replaced_by_two_bundles(device, workshop, new_key):
    old, new = key_id(workshop.pubkey.read_bytes()), key_id(public(new_key))
    assert device.install(workshop.bundle("1.0")).code == 0
    assert status(device)["trusted_keys"] == [old]
    # The new key is not trusted before a bundle that the old one has signed names it.
    done = install(device, workshop.bundle("1.1", key=new_key))
    assert "does not match the public key" in done.error_line()

    done = install(device, workshop.bundle("1.2", keys=KeyChange(trusted=(public(new_key),))))
    assert done.code == 0, done.err
    assert status(device)["trusted_keys"] == [old, new]
    done = install(device, workshop.bundle("1.3", key=new_key, keys=KeyChange(revoked=(old,))))
    assert done.code == 0, done.err
    assert (status(device)["trusted_keys"], status(device)["revoked_keys"]) == ([new], [old])

    # The old key is worth nothing now, not even with --pubkey.
    assert "does not match the public key" in install(device, workshop.bundle("1.4")).error_line()
    done = device.install(workshop.bundle("1.4"))
    assert f"the key {old}" in done.error_line()
    assert "was revoked on this device" in done.error_line()
    # Nor does a bundle that names it bring it back.
    again = workshop.bundle("1.5", key=new_key, keys=KeyChange(trusted=(workshop.pubkey.read_bytes(),)))
    assert install(device, again).code == 0
    assert status(device)["trusted_keys"] == [new]
    assert device.current() == "1.5"


def test_keys_that_the_user_names_replace_those_that_were_trusted(device, workshop, new_key):
    assert device.install(workshop.bundle("1.0")).code == 0
    done = device.run("install", workshop.bundle("1.1", key=new_key), "--pubkey", f"{new_key}.pub", "--frames", 5)
    assert done.code == 0, done.err
    assert status(device)["trusted_keys"] == [key_id(public(new_key))]


def test_an_unhealthy_release_changes_no_key(device, workshop, new_key):
    assert device.install(workshop.bundle("1.0")).code == 0
    bad = workshop.bundle("2.0", "crashes", keys=KeyChange((public(new_key),), (key_id(workshop.pubkey.read_bytes()),)))
    assert install(device, bad).code == 1
    assert status(device)["trusted_keys"] == [key_id(workshop.pubkey.read_bytes())]
    assert status(device)["revoked_keys"] == []


def test_the_last_key_cannot_be_revoked(device, workshop):
    assert device.install(workshop.bundle("1.0")).code == 0
    done = install(device, workshop.bundle("2.0", keys=KeyChange(revoked=(key_id(workshop.pubkey.read_bytes()),))))
    assert "revokes every key that is trusted here" in done.error_line()
    assert device.current() == "1.0"
    assert device.releases() == ["1.0"]


def test_there_is_a_limit_to_the_number_of_keys(tmp_path):
    keys = []
    for i in range(MAX_KEYS + 1):
        generate_keys(tmp_path / f"k{i}")
        keys.append(public(tmp_path / f"k{i}"))
    trust = TrustedKeys(tmp_path)
    trust.apply(keys[:1], KeyChange(tuple(keys[:MAX_KEYS])))
    assert trust.trusted() == keys[:MAX_KEYS]
    with pytest.raises(BundleError, match="more than 16 trusted"):
        trust.check(trust.trusted(), KeyChange((keys[-1],)))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"[]",
        b'{"trusted": ["no key"], "revoked": []}',
        b'{"trusted": [], "revoked": ["../x"]}',
        b"\xff",
    ],
)
def test_a_damaged_part_is_refused(tmp_path, content):
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"keys\.json is not valid"):
        read_change(tmp_path)


def test_a_file_of_several_keys(tmp_path, workshop, new_key):
    both = workshop.pubkey.read_bytes() + public(new_key)
    assert split_keys(both) == [workshop.pubkey.read_bytes(), public(new_key)]
    with pytest.raises(DeployError, match="not a valid public key"):
        key_id(b"no key")
