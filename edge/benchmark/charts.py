"""The charts: accuracy over latency (Pareto), and accuracy over the share of answered faces (selective)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing

#: Okabe and Ito's blue, and gray: distinguishable without seeing red and green.
FRONT_COLOR, DOMINATED_COLOR = "#0072B2", "#777777"
#: Their colors for lines, without the yellow, which is too light on white.
_LINE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def write_charts(out: Path, table: dict[str, Any]) -> str:
    """Write `pareto.png` and `pareto.svg`.

    Args:
        out: the folder.
        table: the results.

    Returns:
        The chart as an SVG element, for a page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = _new_figure()
    axes = figure.add_subplot()
    _draw(axes, table)
    figure.canvas.draw()
    _annotate(axes, table)
    return _save(figure, out, "pareto")


def write_selective_chart(out: Path, curves: Mapping[str, Sequence[dict[str, Any]]]) -> str:
    """Write `selective.png` and `selective.svg`: a line for each model, and a point at the threshold of `mien run`.

    Args:
        out: the folder.
        curves: name of a model to its selective accuracy as the results have it; if there is a second one, with the
            prior, its line is dashed.

    Returns:
        The chart as an SVG element, for a page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = _new_figure()
    axes = figure.add_subplot()
    for i, (name, lines) in enumerate(curves.items()):
        color = _LINE_COLORS[i % len(_LINE_COLORS)]
        for selective, style, title in zip(lines, ("-", "--"), (name, f"{name}, with prior"), strict=False):
            x, y = _shares([row for row in selective["rows"] if row["accuracy"]])
            axes.plot(x, y, style, color=color, linewidth=1.5, label=_plain_text(title))
            if selective["default"]["accuracy"]:
                axes.plot(*_shares([selective["default"]]), "o", color=color, markersize=6)
    axes.grid(visible=True, color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlim(0, 102)
    axes.set_xlabel("share of the faces that are answered, %")
    axes.set_ylabel("accuracy among them, %")
    if curves:
        axes.legend(frameon=False, fontsize=9)
    return _save(figure, out, "selective")


def _shares(rows: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [100 * row["answered"] for row in rows], [100 * row["accuracy"]["value"] for row in rows]


def _plain_text(name: str) -> str:
    """Return a name for a legend: matplotlib takes dollars for mathematics, and leaves out what begins with `_`."""
    return name.replace("$", r"\$") if not name.startswith("_") else f" {name}"


def _new_figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("report", "matplotlib") from error
    return Figure(figsize=(8, 5), dpi=150, layout="constrained")


def _save(figure: Any, out: Path, name: str) -> str:
    with replacing(out / f"{name}.png") as temporary:
        figure.savefig(temporary, format="png")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    with replacing(out / f"{name}.svg") as temporary:
        temporary.write_text(svg, "utf-8")
    return svg[svg.index("<svg") :]


def _draw(axes: Any, table: dict[str, Any]) -> None:
    models = _drawn(table)
    for model in models:
        latency, accuracy = _latency(model), model["accuracy"]["accuracy"]
        color, (x, y) = _color(model), _position(model)
        axes.errorbar(
            x,
            y,
            xerr=[[max(x - latency["low"], 0)], [max(latency["high"] - x, 0)]],
            yerr=[[y - 100 * accuracy["low"]], [100 * accuracy["high"] - y]],
            fmt="o",
            color=color,
            markersize=7,
            elinewidth=1,
            markerfacecolor="white" if model["dominated_by"] else color,
        )
    on_front = [model for model in models if not model["dominated_by"]]
    axes.step(
        [_latency(m)["value"] for m in on_front],
        [100 * m["accuracy"]["accuracy"]["value"] for m in on_front],
        where="post",
        color=FRONT_COLOR,
        linewidth=1,
        alpha=0.5,
    )
    axes.set_xscale("log")
    axes.margins(x=0.25, y=0.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "235" else "")
    axes.grid(visible=True, which="both", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    threads = models[0]["speeds"][0]["threads"] if models else 1
    axes.set_xlabel(f"crop to scores, p50, ms ({threads} thread{'s' * (threads > 1)})")
    axes.set_ylabel(f"accuracy, {table['data']['split']}, % (95 % interval)")
    machine = table["conditions"]["machine"]
    axes.set_title(f"{machine['board'] or machine['processor']}", fontsize=10)


def _annotate(axes: Any, table: dict[str, Any]) -> None:
    """Write each name where it covers no point and no other name, starting with the quickest model."""
    models, taken = _drawn(table), []
    for model in models:
        x, y = axes.transData.transform(_position(model))
        taken.append((x - 8, y - 8, x + 8, y + 8))
    inside = axes.get_window_extent()
    for model in models:
        # To the right, to the left, then further up and down; the last place if none is free.
        for side, up in ((s, u) for u in (9, -9, 24, -24, 39, -39, 54, -54) for s in (7, -7)):
            text = axes.annotate(
                model["name"],
                _position(model),
                xytext=(side, up),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
                color=_color(model),
                # A line may pass behind it.
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
            box = text.get_window_extent()
            free = not any(
                box.x0 < right and left < box.x1 and box.y0 < top and low < box.y1 for left, low, right, top in taken
            )
            if free and inside.x0 < box.x0 and box.x1 < inside.x1 and inside.y0 < box.y0 and box.y1 < inside.y1:
                break
            if (side, up) != (-7, -54):
                text.remove()
        taken.append((box.x0, box.y0, box.x1, box.y1))


def _drawn(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the models that have both accuracy and latency, quickest first."""
    drawn = [m for m in table["models"] if m["accuracy"] and m["speeds"] and m["speeds"][0]["crop_to_scores"]]
    return sorted(drawn, key=lambda m: _latency(m)["value"])


def _position(model: dict[str, Any]) -> tuple[float, float]:
    return _latency(model)["value"], 100 * model["accuracy"]["accuracy"]["value"]


def _color(model: dict[str, Any]) -> str:
    return DOMINATED_COLOR if model["dominated_by"] else FRONT_COLOR


def _latency(model: dict[str, Any]) -> dict[str, float]:
    estimate: dict[str, float] = model["speeds"][0]["crop_to_scores"]["p50_ms"]
    return estimate
