"""Archives of few bytes that unpack to many."""

import io
import zipfile

import pytest

from edge.system.archives import read_member


def make(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_member_is_read_up_to_its_limit():
    with zipfile.ZipFile(io.BytesIO(make(a=b"x" * 1000))) as archive:
        assert read_member(archive, "a", 1000) == b"x" * 1000
        with pytest.raises(zipfile.BadZipFile, match="a unpacks to more than 999 bytes"):
            read_member(archive, "a", 999)


def test_the_size_that_an_archive_claims_is_not_believed():
    content = make(a=b"\0" * 5_000_000)
    # The central directory and the local header both claim ten bytes.
    lie = content.replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with zipfile.ZipFile(io.BytesIO(lie)) as archive, pytest.raises(zipfile.BadZipFile):
        read_member(archive, "a", 1000)
