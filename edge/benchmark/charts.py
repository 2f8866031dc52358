"""The Pareto chart: accuracy over latency, with confidence intervals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing

#: Okabe and Ito's blue, and gray: distinguishable without seeing red and green.
FRONT_COLOR, DOMINATED_COLOR = "#0072B2", "#777777"


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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("report", "matplotlib") from error
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, table)
    figure.canvas.draw()
    _annotate(axes, table)
    with replacing(out / "pareto.png") as temporary:
        figure.savefig(temporary, format="png")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    with replacing(out / "pareto.svg") as temporary:
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
