"""The second read of the same file is a read of its faces."""

import bz2

import numpy as np
import pytest

from edge.datasets import fer2013, load_dataset, table_cache
from edge.errors import DataError
from tests.made_data import write_csv, write_votes

SPLITS = ("Training", "PublicTest")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(table_cache, "MIN_FACES", 10)
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def parsed(monkeypatch):
    """The files that were parsed, in order."""
    files = []
    original = fer2013.parse
    monkeypatch.setattr(fer2013, "parse", lambda path, *rest: files.append(path) or original(path, *rest))
    return files


def with_bad_rows(path):
    """A file with a bad row of Training and one without a split among good ones."""
    lines = path.read_text().splitlines()
    lines.insert(5, "0,1 2 3,Training")
    lines.insert(9, f"0,{'7 ' * 2304},Nowhere")
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path, splits=SPLITS, **options):
    bad = []
    return load_dataset(path, splits, on_bad=bad.append, **options), bad


def test_the_cache_gives_what_the_file_gave(cache, parsed, tmp_path):
    path = with_bad_rows(write_csv(tmp_path / "fer2013.csv", 210, 140))
    first, bad = read(path)
    again, bad_again = read(path)
    assert parsed == [path]
    assert len(bad) == 2
    assert bad == bad_again
    for split in SPLITS:
        for name in ("images", "class_ids", "rows"):
            a, b = getattr(first[split], name), getattr(again[split], name)
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    # Of other splits only the bad row that could belong to any of them counts.
    assert read(path, ("PublicTest",))[1] == bad[1:]
    assert parsed == [path]
    assert cache.stat().st_mode & 0o777 == 0o700


def test_the_same_table_in_another_file_is_another_table(cache, parsed, tmp_path):
    path = write_csv(tmp_path / "fer2013.csv")
    packed = tmp_path / "fer2013.csv.bz2"
    packed.write_bytes(bz2.compress(path.read_bytes()))
    read(path)
    read(packed)
    path.write_text(path.read_text().replace("\n3,", "\n4,", 1))
    changed, _ = read(path)
    assert parsed == [path, packed, path]
    assert changed["Training"].class_ids[3] == 4
    assert len(list(cache.iterdir())) == 3


def test_votes_of_other_rows_are_rejected_with_a_cache_too(cache, parsed, tmp_path):
    path = write_csv(tmp_path / "fer2013.csv")
    votes = write_votes(tmp_path / "votes.csv", lambda i, label: {label: 9})
    fewer = write_votes(tmp_path / "fewer.csv", lambda i, label: {label: 9}, training=200)
    for _ in range(2):
        assert read(path, votes=votes)[0]["Training"].votes.shape == (210, 10)
        with pytest.raises(DataError, match=r"fewer.csv does not match .* at row 201: other or fewer rows"):
            read(path, votes=fewer)
    assert parsed == [path]


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * 300, lambda b: b[:-200]]
)
def test_a_damaged_cache_is_made_again(cache, parsed, tmp_path, damage):
    path = write_csv(tmp_path / "fer2013.csv")
    expected, _ = read(path)
    (stored,) = cache.iterdir()
    stored.write_bytes(damage(stored.read_bytes()))
    found, _ = read(path)
    np.testing.assert_array_equal(found["Training"].images, expected["Training"].images)
    assert len(parsed) == 2
    read(path)
    assert len(parsed) == 2


def test_another_file_under_the_name_of_a_table(cache, parsed, tmp_path):
    path = write_csv(tmp_path / "fer2013.csv")
    read(path)
    (stored,) = cache.iterdir()
    with np.load(stored) as arrays:
        content = dict(arrays)
    content["Training-images"] = content["Training-images"][:5]
    np.savez(stored, **content)
    assert len(read(path)[0]["Training"]) == 210
    assert len(parsed) == 2


def test_small_tables_are_not_kept_and_old_ones_go(cache, monkeypatch, tmp_path):
    for seed in range(table_cache.MAX_TABLES + 2):
        read(write_csv(tmp_path / f"{seed}.csv", 14, 7, seed=seed))
    assert len(list(cache.iterdir())) == table_cache.MAX_TABLES
    monkeypatch.setattr(table_cache, "MIN_FACES", 5000)
    read(write_csv(tmp_path / "small.csv", 21, 7))
    assert len(list(cache.iterdir())) == table_cache.MAX_TABLES


def test_without_a_cache_folder_only_what_is_asked_for_is_parsed(tmp_path, monkeypatch, parsed):
    path = write_csv(tmp_path / "fer2013.csv")
    # A file where the folder would be: the table cannot be stored, and the command goes on.
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(table_cache, "MIN_FACES", 10)
    for _ in range(2):
        assert len(read(path)[0]["PublicTest"]) == 70
    assert len(parsed) == 2
