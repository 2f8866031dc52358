"""The front as a picture: accuracy over latency, with intervals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.files import replacing

#: Okabe and Ito's blue and grey: told apart by whoever does not see red and green.
FRONT_COLOUR, DOMINATED_COLOUR = "#0072B2", "#777777"


def write_charts(out: Path, table: dict[str, Any]) -> str:
    """Write `pareto.png` and `pareto.svg`.

    Args:
        out: the folder.
        table: the results.

    Returns:
        The SVG element, for a page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("report", "matplotlib") from error
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    _draw(figure.add_subplot(), table)
    with replacing(out / "pareto.png") as temporary:
        figure.savefig(temporary, format="png")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    with replacing(out / "pareto.svg") as temporary:
        temporary.write_text(svg, "utf-8")
    return svg[svg.index("<svg") :]


def _draw(axes: Any, table: dict[str, Any]) -> None:
    drawn = [m for m in table["models"] if m["accuracy"] and m["speeds"] and m["speeds"][0]["crop_to_scores"]]
    models = sorted(drawn, key=lambda m: _latency(m)["value"])
    for model in models:
        latency, accuracy = _latency(model), model["accuracy"]["accuracy"]
        colour = DOMINATED_COLOUR if model["dominated_by"] else FRONT_COLOUR
        x, y = latency["value"], 100 * accuracy["value"]
        axes.errorbar(
            x,
            y,
            xerr=[[max(x - latency["low"], 0)], [max(latency["high"] - x, 0)]],
            yerr=[[y - 100 * accuracy["low"]], [100 * accuracy["high"] - y]],
            fmt="o",
            color=colour,
            markersize=7,
            elinewidth=1,
            markerfacecolor="white" if model["dominated_by"] else colour,
        )
        axes.annotate(model["name"], (x, y), xytext=(8, 6), textcoords="offset points", color=colour)
    on_front = [model for model in models if not model["dominated_by"]]
    axes.step(
        [_latency(m)["value"] for m in on_front],
        [100 * m["accuracy"]["accuracy"]["value"] for m in on_front],
        where="post",
        color=FRONT_COLOUR,
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


def _latency(model: dict[str, Any]) -> dict[str, float]:
    estimate: dict[str, float] = model["speeds"][0]["crop_to_scores"]["p50_ms"]
    return estimate
