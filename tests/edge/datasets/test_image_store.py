import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edge
from edge.datasets.image_store import MEMORY_LIMIT_BYTES, FaceStore, take_images
from edge.datasets.reader import Faces, load_dataset
from tests.made_data import write_folder

FACES = np.random.default_rng(0).integers(0, 256, (40, 48, 48), np.uint8)


@pytest.fixture
def small_memory(monkeypatch):
    """Room for ten faces."""
    monkeypatch.setattr(edge.datasets.image_store, "MEMORY_LIMIT_BYTES", 10 * 48 * 48)
    monkeypatch.setattr(edge.datasets.image_store, "_CHUNK", 7)


@pytest.mark.parametrize(("n", "on_disk"), [(0, False), (10, False), (11, True), (40, True)])
def test_the_same_faces_in_memory_and_on_disk(n, on_disk, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = FaceStore(limit_bytes=10 * 48 * 48)
    for face in FACES[:n]:
        store.append(face)
    array = store.array()
    assert isinstance(array, np.memmap) == on_disk
    # What went to disk has no name, and outlives the store.
    assert not list(tmp_path.iterdir())
    del store
    gc.collect()
    assert array.shape == (n, 48, 48)
    assert array.dtype == np.uint8
    assert (array == FACES[:n]).all()
    assert type(array[[0, 0][:n]]) is np.ndarray


def test_memory_is_enough_for_fer2013_here():
    assert 0 < MEMORY_LIMIT_BYTES <= 1 << 30


def test_a_split_larger_than_memory_reads_the_same(tmp_path, made_csv, small_memory, monkeypatch):
    folder = write_folder(tmp_path / "d", 2)
    on_disk = load_dataset(made_csv, ("Training",)), load_dataset(folder, ("Training",))
    monkeypatch.setattr(edge.datasets.image_store, "MEMORY_LIMIT_BYTES", 1 << 30)
    in_memory = load_dataset(made_csv, ("Training",)), load_dataset(folder, ("Training",))
    for disk, memory in zip(on_disk, in_memory, strict=True):
        assert isinstance(disk["Training"].images, np.memmap)
        assert not isinstance(memory["Training"].images, np.memmap)
        assert (disk["Training"].images == memory["Training"].images).all()


def test_taking_faces_leaves_them_on_disk(small_memory):
    store = FaceStore()
    store.extend(FACES)
    ids = np.arange(40)
    faces = Faces(store.array(), ids, ids, ("happy", "sad"))
    positions = np.random.default_rng(1).permutation(40)[:25]
    taken = faces.take(positions)
    assert isinstance(taken.images, np.memmap)
    assert (taken.images == FACES[positions]).all()
    few = faces.sample(5, 0)
    assert not isinstance(few.images, np.memmap)
    assert (few.images == FACES[few.rows]).all()
    assert (take_images(FACES, positions) == FACES[positions]).all()


def test_a_full_disk_is_one_line(tmp_path):
    # A limit on the size of files stands in for the disk's end.
    code = """
import resource, sys
import numpy as np
from edge.errors import DataError
from edge.datasets.image_store import FaceStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = FaceStore(limit_bytes=50_000)
try:
    for _ in range(80):
        store.append(np.zeros((48, 48), np.uint8))
    store.array()
except DataError as error:
    print(error)
"""
    environment = {
        "TMPDIR": str(tmp_path),
        "PATH": "",
        "PYTHONPATH": str(Path(edge.__file__).parents[1]),
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert not done.stderr
    assert done.stdout.startswith(f"cannot keep 0 MiB of faces in {tmp_path} (File too large): set TMPDIR")
    assert len(done.stdout.splitlines()) == 1
