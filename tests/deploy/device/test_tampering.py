"""A bundle that was changed, on purpose or by accident, is rejected before anything in it is used."""

import io
import subprocess
import tarfile

import pytest

from deploy.build.signing_keys import generate_keys, read_private_key
from deploy.device import signature
from deploy.device.archive import BLOCK_BYTES, read_members
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.manifest import Manifest, Part, parse_manifest
from edge.errors import BundleError, DeployError


@pytest.fixture(scope="module")
def good(workshop):
    return workshop.bundle("1.0")


def members(path):
    with path.open("rb") as stream:
        return read_members(stream)


def rejection(workshop, path):
    with pytest.raises(BundleError) as caught, CheckedBundle(path, [workshop.pubkey.read_bytes()]):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unchanged_bundle_is_accepted(workshop, good, tmp_path):
    with CheckedBundle(good, [workshop.pubkey.read_bytes()]) as bundle:
        bundle.unpack(tmp_path)
        assert bundle.manifest.version == "1.0"
    unpacked = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert unpacked == {member.name for member in members(good)}


def test_a_flipped_bit_in_any_part_or_header_is_rejected(workshop, good, tmp_path):
    content = bytearray(good.read_bytes())
    changed = tmp_path / "changed.bundle"
    assert len(members(good)) > 8
    for member in members(good):
        # In the name and the size in the header, at both ends of the content, and in its middle.
        last = member.offset + member.size_bytes - 1
        for place in (
            member.offset - BLOCK_BYTES,
            member.offset - BLOCK_BYTES + 130,
            member.offset,
            (member.offset + last) // 2,
            last,
        ):
            content[place] ^= 1
            changed.write_bytes(content)
            rejection(workshop, changed)
            content[place] ^= 1


def test_data_after_the_end_is_rejected(workshop, good, tmp_path):
    more = tmp_path / "more.bundle"
    more.write_bytes(good.read_bytes() + b"x")
    assert "after its end" in rejection(workshop, more)
    more.write_bytes(good.read_bytes() + good.read_bytes())
    assert "after its end" in rejection(workshop, more)


def repack(good, out, change):
    """Write the bundle again with its members as `change(list of (TarInfo, bytes))` returns them."""
    with tarfile.open(good) as archive:
        inside = [(entry, archive.extractfile(entry).read()) for entry in archive]
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as archive:
        for entry, content in change(inside):
            archive.addfile(entry, io.BytesIO(content))
    return out


def test_missing_added_repeated_and_reordered_parts_are_rejected(workshop, good, tmp_path):
    added = tarfile.TarInfo("wheels/evil-1-py3-none-any.whl")
    link = tarfile.TarInfo("wheels/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    outside = tarfile.TarInfo("../outside")
    changes = {
        "missing": lambda inside: inside[:-1],
        "added": lambda inside: [*inside, (added, b"")],
        "twice": lambda inside: [*inside, inside[-1]],
        "order": lambda inside: [*inside[:2], *reversed(inside[2:])],
        "link": lambda inside: [*inside, (link, b"")],
        "outside": lambda inside: [*inside, (outside, b"")],
        "unsigned": lambda inside: [inside[0], *inside[2:]],
        "empty": lambda inside: [],
    }
    for name, change in changes.items():
        rejection(workshop, repack(good, tmp_path / name, change))


def test_other_files_are_not_bundles(workshop, tmp_path):
    for name, content in {"zip": b"PK\x03\x04" * 300, "zeros": bytes(20_000), "text": b"hello\n" * 1000}.items():
        path = tmp_path / name
        path.write_bytes(content)
        rejection(workshop, path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", ".hidden", "a//b", "a/", "", "manifest.sig", "a b"])
def test_a_manifest_that_points_outside_is_rejected_even_if_signed(path):
    manifest = Manifest("1", "bookworm", "x", "3.11", "m", "", 0, 0, True, (Part(path, 1, "0" * 64),))
    with pytest.raises(BundleError, match="part"):
        parse_manifest(manifest.as_bytes())


@pytest.mark.parametrize("version", ["", "1.0/..", "../1", "x", "1.0\n", "1" * 100])
def test_an_invalid_version_in_a_manifest_is_rejected(version):
    with pytest.raises(BundleError, match="not a version"):
        parse_manifest(Manifest(version, "t", "x", "3.11", "m", "", 0, 0, True, ()).as_bytes())


def test_invalid_manifests_are_rejected():
    for text in (b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1}', b"\xff", b"[" * 100_000):
        with pytest.raises(BundleError):
            parse_manifest(text)


BOTH = pytest.mark.parametrize("way", [signature._verify_by_cryptography, signature._verify_by_openssl])


@BOTH
def test_both_ways_to_verify_agree(tmp_path, way):
    public, key = generate_keys(tmp_path / "key").read_bytes(), read_private_key(tmp_path / "key")
    for message in (b"x", b"manifest" * 50_000):
        signed = key.sign(message)
        assert way(message, signed, public)
        assert not way(message + b"x", signed, public)
        assert not way(message, signed[:-1] + bytes([signed[-1] ^ 1]), public)
        assert not way(message, bytes(64), public)
    generate_keys(tmp_path / "other")
    assert not way(b"x", key.sign(b"x"), (tmp_path / "other.pub").read_bytes())


@BOTH
def test_a_key_of_another_type_is_rejected(tmp_path, way):
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "X25519"], capture_output=True, check=True).stdout
    other = subprocess.run(["openssl", "pkey", "-pubout"], input=made, capture_output=True, check=True).stdout
    for key in (b"", b"no key", other):
        with pytest.raises(DeployError, match="not a valid public key"):
            way(b"x", bytes(64), key)


@BOTH
def test_rfc_8032_test_2(way):
    """RFC 8032, section 7.1, TEST 2; the prefix is SubjectPublicKeyInfo's (RFC 8410)."""
    import base64

    raw = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    der = base64.encodebytes(bytes.fromhex("302a300506032b6570032100") + raw)
    public = b"-----BEGIN PUBLIC KEY-----\n" + der + b"-----END PUBLIC KEY-----\n"
    signed = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert way(b"\x72", signed, public)
    assert not way(b"\x73", signed, public)


def test_without_openssl_the_message_names_the_package_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError, match="apt install openssl"):
        signature._verify_by_openssl(b"", bytes(64), b"")
