"""Tables for pages from the model cards of the shipped models."""

from __future__ import annotations

from edge.inference import find_model, read_model
from edge.inference.model_card import ModelCard

#: In the order of the pages: from the smallest to the largest.
MODELS = ("mien-pico-int8", "mien-nano-int8", "mien-small-int8", "mien-base-int8")


def confusion(model: str) -> str:
    """Return the confusion of a converted model on PublicTest as a Markdown table: a row for each label, in faces."""
    card = _card(model)
    rows = card.measured["after"]["confusion"]
    lines = [[f"`{card.name}`", *card.labels], ["---"] * (len(rows) + 1)]
    for i, row in enumerate(rows):
        lines.append([card.labels[i], *(f"**{n}**" if i == j else str(n) for j, n in enumerate(row))])
    return _table(lines)


def adjustments() -> str:
    """Return what `mien train adjust` folded into each model, and what that changed, as a Markdown table."""
    lines = [["model", "temperature", "strength", "accuracy", "macro recall", "ECE", "NLL"], ["---"] * 7]
    for model in MODELS:
        card = _card(model)
        entry = card.score_adjustment
        before, after = entry["before"], entry["after"]
        lines.append(
            [
                f"`{card.name}`",
                f"{entry['temperature']:.2f}",
                f"{entry['strength']:.2f}",
                *(f"{100 * before[key]:.2f} to {100 * after[key]:.2f} %" for key in ("accuracy", "macro_recall")),
                *(f"{before[key]:.3f} to {after[key]:.3f}" for key in ("ece", "nll")),
            ]
        )
    return _table(lines)


def calibrations() -> str:
    """Return what `mien convert calibrate` changed for each model, as a Markdown table: rates in percent."""
    entries = {model: _card(model).score_calibration for model in MODELS}
    lines = [["", *(title for model in MODELS for title in (f"`{model}`", "after"))], ["---"] * (1 + 2 * len(MODELS))]

    def add(title: str, key: str, factor: float, digits: int, label: str = "") -> None:
        cells = [title]
        for entry in entries.values():
            for when in ("before", "after"):
                value = entry[when][key][label] if label else entry[when][key]
                cells.append(f"{factor * value:.{digits}f}")
        lines.append(cells)

    add("accuracy", "accuracy", 100, 1)
    for label in ("neutral", "happy", "surprise", "angry", "sad", "disgust", "fear"):
        add(f"recall, {label}", "recall", 100, 1, label)
    add("macro recall", "macro_recall", 100, 1)
    add("ECE, by the majority", "ece", 100, 1)
    add("cross-entropy from the votes", "nll", 1, 3)
    return _table(lines)


def _card(model: str) -> ModelCard:
    return read_model(find_model(model)).card


def _table(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
