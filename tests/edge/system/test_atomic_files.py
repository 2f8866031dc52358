import json
import stat

import pytest

from edge.system.atomic_files import replacing, write_json
from edge.system.hashing import sha256_of


def write_half(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.weights.h5"
    with replacing(path) as temporary:
        assert temporary.name.endswith(".weights.h5")
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["a.weights.h5"]


def test_a_new_file_has_the_mode_that_open_gives(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    (tmp_path / "b.json").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.json", "b.json")]
    assert modes[0] == modes[1]
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_a_symbolic_link_is_kept(tmp_path):
    (tmp_path / "real.json").write_text("")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_json(tmp_path / "link.json", 7)
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "7\n"


def test_the_hash_of_a_folder_depends_on_names_and_bytes(tmp_path):
    (tmp_path / "a").write_text("1")
    first = sha256_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert sha256_of(tmp_path) != first
    (tmp_path / "b").rename(tmp_path / "a")
    assert sha256_of(tmp_path) == first
    (tmp_path / "a").write_text("2")
    assert sha256_of(tmp_path) != first
