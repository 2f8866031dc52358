from edge.benchmark.candidate import find_candidates
from tests.conftest import SHIPPED


def write(folder, *names):
    paths = []
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]) * 10)
        paths.append(str(path))
    return paths


def names(models):
    return [candidate.name for candidate in find_candidates(models)]


def test_names_are_the_shortest_distinct_ones(tmp_path):
    assert names([SHIPPED.stem, *write(tmp_path, "a/small.tflite")]) == [SHIPPED.stem, "small"]
    assert names(write(tmp_path, "a/net.tflite", "b/net.tflite", "b/other.tflite")) == ["a/net", "b/net", "b/other"]
    assert names(write(tmp_path, "a/net.tflite", "a/net.keras")) == ["net.tflite", "net.keras"]


def test_a_model_of_a_run_is_called_as_the_run(tmp_path):
    assert names(write(tmp_path, "runs/cnn/model.keras", "cnn-int8.tflite")) == ["cnn", "cnn-int8"]
    assert names(write(tmp_path, "x/cnn/model.keras", "y/cnn/model.keras")) == ["x/cnn", "y/cnn"]


def test_size_and_digest_are_the_files(tmp_path):
    candidate = find_candidates(write(tmp_path, "m.tflite"))[0]
    assert (candidate.size_bytes, len(candidate.sha256)) == (10, 64)
