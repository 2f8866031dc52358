"""Compare runs of one recipe with other numbers of epochs, which shows what more compute would buy.

python docs/experiments/schedule_length.py RUN RUN [RUN ...] [--chart FILE.png]

RUN is a run folder (`history.csv`, `metrics.json`). Prints a table: epochs, training time, the best accuracy on
PublicTest before any adjustment, and the accuracy and loss of the last epoch on both splits. --chart draws the
validation accuracy of every run over its epochs, and the best of each over their number.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from train.plots.style import COLORS, new_figure, save
from train.run_folder import RunFolder

Rows = list[dict[str, float]]


def main() -> None:
    """Print the table, and draw the chart if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path)
    parser.add_argument("--chart", type=Path, metavar="FILE.png")
    options = parser.parse_args()
    histories = sorted((RunFolder(run).read_history() for run in options.runs), key=len)
    print("| epochs | minutes | PublicTest, best % | PublicTest, last % | Training, last % | loss, PublicTest, last |")
    print("|" + " --- |" * 6)
    for rows in histories:
        last, minutes = rows[-1], sum(row["seconds"] for row in rows) / 60
        print(
            f"| {len(rows)} | {minutes:.0f} | {100 * best(rows):.2f} | {100 * last['val_accuracy']:.2f} "
            f"| {100 * last['accuracy']:.1f} | {last['val_loss']:.3f} |"
        )
    if options.chart:
        draw(histories, options.chart)
        print(f"wrote {options.chart}")


def best(rows: Rows) -> float:
    """Return the highest accuracy on PublicTest in a history, 0..1."""
    return max(row["val_accuracy"] for row in rows)


def draw(histories: list[Rows], path: Path) -> None:
    """Draw the runs on the left, and their best accuracy by number of epochs on the right."""
    figure = new_figure(11, 4.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for i, rows in enumerate(histories):
        accuracies = [100 * row["val_accuracy"] for row in rows]
        left.plot(range(1, len(rows) + 1), accuracies, color=COLORS[i % len(COLORS)], label=f"{len(rows)} epochs")
    numbers, accuracies = [len(rows) for rows in histories], [100 * best(rows) for rows in histories]
    right.plot(numbers, accuracies, "o-", color=COLORS[0])
    for number, accuracy in zip(numbers, accuracies, strict=True):
        right.annotate(f"{accuracy:.1f}", (number, accuracy), xytext=(0, -16), textcoords="offset points", ha="center")
    right.set_xscale("log", base=2)
    right.set_xticks(numbers, [str(number) for number in numbers])
    # The first epochs would hide the differences of the last ones.
    left.set_ylim(max(accuracies) - 12, max(accuracies) + 1)
    left.set_xlabel("epoch")
    right.set_xlabel("epochs of the schedule")
    left.set_ylabel("accuracy on PublicTest, %")
    left.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)


if __name__ == "__main__":
    main()
