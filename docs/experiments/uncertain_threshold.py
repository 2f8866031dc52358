"""Choose the threshold of `uncertain` (`edge.events.UNCERTAIN_BELOW`) from results of `mien benchmark`.

python docs/experiments/uncertain_threshold.py RESULTS.json [RESULTS.json ...]

RESULTS.json is what `mien benchmark` or `mien benchmark wild` writes; of the latter, scores without and with the prior
are two sets. For each set and threshold, the means over its models, in percent: share of the faces that are answered,
accuracy among them, and the net (correct answers minus wrong ones, as a share of all faces). The threshold with the
largest mean net over the sets is chosen: the answers that it withholds are more often wrong than right.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

#: The thresholds that are printed; all of them are compared.
SHOWN = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)


def main(files: list[Path]) -> None:
    """Print a row for each threshold, and the choice."""
    sets = [found for file in files for found in read_sets(file)]
    print(f"| threshold | {' | '.join(name for name, _ in sets)} | mean net |")
    print("|" + " --- |" * (len(sets) + 2))
    nets = {}
    for i, row in enumerate(sets[0][1][0]):
        cells, net = [], []
        for _, models in sets:
            rows = [model[i] for model in models]
            answers = mean(row["answered"] for row in rows)
            accuracy = mean(row["accuracy"]["value"] for row in rows if row["accuracy"]) if answers else 0.0
            net.append(mean(row["net"] for row in rows))
            cells.append(f"{100 * answers:.1f}, {100 * accuracy:.1f}, {100 * net[-1]:.1f}")
        nets[row["threshold"]] = mean(net)
        if row["threshold"] in SHOWN:
            print(f"| {row['threshold']:.2f} | {' | '.join(cells)} | {100 * mean(net):.1f} |")
    print(f"\nlargest mean net at {max(nets, key=lambda threshold: (nets[threshold], -threshold)):.2f}")


def read_sets(file: Path) -> Iterator[tuple[str, list[list[dict[str, Any]]]]]:
    """Yield the name of each set of a file, and the rows of each of its models."""
    results = json.loads(file.read_text("utf-8"))
    if results.get("kind") == "photographs":
        for title, key in (("", "raw"), (f" with prior {' '.join(results['prior'])}", "with_prior")):
            if models := [model[key]["selective"]["rows"] for model in results["models"] if model[key]]:
                yield results["data"]["name"] + title, models
    else:
        yield results["data"]["split"], [m["accuracy"]["selective"]["rows"] for m in results["models"] if m["accuracy"]]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(file) for file in sys.argv[1:]])
