"""Tables for pages from the model cards of the shipped models."""

from __future__ import annotations

import markdown_tables

from edge.inference import find_model, read_model
from edge.inference.model_card import ModelCard

#: In the order of the pages: from the smallest to the largest.
MODELS = (
    "mien-pico-int8",
    "mien-nano-int8",
    "mien-small-int8",
    "mien-nano-ferplus-int8",
    "mien-small-ferplus-int8",
)


def confusion(model: str) -> str:
    """Return the confusion of a converted model on PublicTest as a Markdown table: a row for each label, in faces."""
    card = _card(model)
    rows = [
        [card.labels[i], *(f"**{n}**" if i == j else str(n) for j, n in enumerate(row))]
        for i, row in enumerate(card.measured["after"]["confusion"])
    ]
    return markdown_tables.table([f"`{card.name}`", *card.labels], rows)


def adjustments() -> str:
    """Return what `mien train adjust` folded into each model, and what that changed, as a Markdown table."""
    rows = []
    for model in MODELS:
        card = _card(model)
        entry = card.score_adjustment
        if not entry:
            continue
        before, after = entry["before"], entry["after"]
        rows.append(
            [
                f"`{card.name}`",
                f"{entry['temperature']:.2f}",
                f"{entry['strength']:.2f}",
                *(f"{100 * before[key]:.2f} to {100 * after[key]:.2f} %" for key in ("accuracy", "macro_recall")),
                *(f"{before[key]:.3f} to {after[key]:.3f}" for key in ("ece", "nll")),
            ]
        )
    return markdown_tables.table(["model", "temperature", "strength", "accuracy", "macro recall", "ECE", "NLL"], rows)


def calibrations() -> str:
    """Return what `mien convert calibrate` changed for each model, as a Markdown table: rates in percent."""
    entries = {model: _card(model).score_calibration for model in MODELS}
    rows: list[list[str]] = []

    def add(title: str, key: str, factor: float, digits: int, label: str = "") -> None:
        cells = [title]
        for entry in entries.values():
            for when in ("before", "after"):
                value = entry[when][key][label] if label else entry[when][key]
                cells.append(f"{factor * value:.{digits}f}")
        rows.append(cells)

    add("accuracy", "accuracy", 100, 1)
    for label in ("neutral", "happy", "surprise", "angry", "sad", "disgust", "fear"):
        add(f"recall, {label}", "recall", 100, 1, label)
    add("macro recall", "macro_recall", 100, 1)
    add("ECE, by the majority", "ece", 100, 1)
    add("cross-entropy from the votes", "nll", 1, 3)
    return markdown_tables.table(["", *(title for model in MODELS for title in (f"`{model}`", "after"))], rows)


def _card(model: str) -> ModelCard:
    return read_model(find_model(model)).card
