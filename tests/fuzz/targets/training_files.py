"""Files of the training: recipes, run folders, and the graph of a SavedModel."""

import importlib
from pathlib import Path

from tests.fuzz.target import CORPUS, Target
from train.evaluation.comparison import as_dict, read_run
from train.models.saved_model_operators import check_operators
from train.recipes.schema import load_recipe
from train.run_folder import RunFolder, recorded_labels
from train.training.search_folder import SearchFolder
from train.training.search_space import load_space

SEPARATOR = b"\n---\n"


class RecipeFile(Target):
    """A recipe."""

    name = "recipe"
    kind = "lines"
    tokens = (
        b"inf", b"nan", b"true", b'"""', b"[[stages]]\n", b"[fit]\n", b"[augment]\n", b"[model]\n", b"[data]\n",
        b"{a = 1}", b"epochs = ", b'"\\ud800"', b"members = []\n", b"learning_rate = ",
    )  # fmt: skip

    def run(self, data: bytes) -> None:
        path = self.folder / "made.toml"
        path.write_bytes(data)
        load_recipe(path).as_dict()


class SearchSpaceFile(Target):
    """The values that a search may change, and the record of a search, in one input."""

    name = "search-space"
    kind = "lines"
    tokens = (
        b"inf", b"nan", b"true", b"[fit]\n", b"[augment]\n", b"[model]\n", b"[space.fit]\n", b"{ low = 1, high = 2 }",
        b"log = true", b"[[1], [2]]", b"learning_rate = ", b"batch_size = ", b"widths = ", SEPARATOR,
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._recipe = load_recipe("cnn")

    def run(self, data: bytes) -> None:
        space, _, record = data.partition(SEPARATOR)
        path, folder = self.folder / "space.toml", SearchFolder(self.folder)
        path.write_bytes(space)
        folder.search_toml.write_bytes(record)
        if record:
            folder.read()
        load_space(path, self._recipe).as_dict()


class RunMetrics(Target):
    """The metrics.json of a run folder."""

    name = "run-metrics"
    kind = "json"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "history.csv").write_bytes((CORPUS / "run-folder" / "finished.txt").read_bytes().split(SEPARATOR)[1])

    def run(self, data: bytes) -> None:
        (self.folder / "metrics.json").write_bytes(data)
        recorded_labels(self.folder / "model.keras", 7)
        summary, _ = read_run(self.folder)
        as_dict([summary])


class FinishedRun(Target):
    """The recipe and the history of a run folder, in one input."""

    name = "run-folder"
    kind = "lines"
    tokens = (b"epoch", b"val_accuracy", b"[data]\n", b"sha256 = ", b"nan", b"inf", b'"', b"\r", SEPARATOR)

    def run(self, data: bytes) -> None:
        recipe, _, history = data.partition(SEPARATOR)
        folder = RunFolder(self.folder)
        folder.recipe_toml.write_bytes(recipe)
        folder.history_csv.write_bytes(history)
        folder.read_history()
        folder.read_recipe()


class SavedModelOperators(Target):
    """The graph file of a SavedModel, before TensorFlow reads it."""

    name = "saved-model"
    tokens = (b"PartitionedCall", b"ReadFile", b"Conv2D", b"\x0a\xff\xff\xff\xff\x0f", b"\x12\0")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # The first import of TensorFlow takes seconds, which are not the first input's.
        importlib.import_module("tensorflow.core.protobuf.saved_model_pb2")

    def run(self, data: bytes) -> None:
        (self.folder / "saved_model.pb").write_bytes(data)
        check_operators(self.folder)
