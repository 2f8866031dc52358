"""The results of a benchmark, as `mien benchmark compare` reads them."""

import contextlib
import io
from pathlib import Path

from edge.cli.compare import compare
from edge.errors import MienError
from tests.fuzz.target import CORPUS, Target


class BenchmarkResults(Target):
    """A results.json."""

    name = "results"
    kind = "json"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._good, self._other = folder / "good.json", folder / "other.json"
        self._good.write_bytes((CORPUS / self.name / "one.json").read_bytes())

    def run(self, data: bytes) -> None:
        self._other.write_bytes(data)
        order = (self._good, self._other) if len(data) % 2 else (self._other, self._good)
        for options in (["--json", "--fail-on-regression"], []):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                try:
                    compare.main([*map(str, order), *options], prog_name="compare", standalone_mode=False)
                except MienError as error:
                    # A regression is no rejection of the file.
                    if "worse than noise" not in str(error):
                        raise
            out.getvalue().encode("utf-8", "backslashreplace")
