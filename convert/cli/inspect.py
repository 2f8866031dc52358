"""`mien convert inspect`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from convert.analysis.inspection import Inspection, IoTensor
from convert.api import inspect as inspect_file
from convert.targets import TARGETS, TargetReport, assess
from edge.errors import ModelError
from edge.inference.model_card import read_parts
from edge.inference.sandbox import load_in_sandbox
from edge.inference.shipped_models import path_of_model
from edge.system.untrusted_text import one_line, printable


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--target",
    "targets",
    type=click.Choice(sorted(TARGETS)),
    multiple=True,
    help="Show which operations this target takes, and why not the others; may be repeated.",
)
@click.option("--delegate", is_flag=True, help="The same as --target xnnpack.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every operation.")
def inspect(file: Path, targets: tuple[str, ...], delegate: bool, as_json: bool) -> None:
    """Show the contents of any .tflite FILE, or of a shipped model: card, operations, dtypes, work and memory.

    Needs no tensorflow; `--target ethos-u` needs the extra 'micro'.
    """
    file = path_of_model(file)
    found = inspect_file(file)
    reports = _reports(file, (*targets, *(["xnnpack"] if delegate else [])))
    if as_json:
        more = {"targets": [report.as_dict() for report in reports]} if reports else {}
        click.echo(json.dumps({**found.as_dict(), **more}, indent=2))
    else:
        click.echo(as_text(found))
        for report in reports:
            click.echo("\n" + "\n".join(map(printable, report.as_lines())))
    for report in reports:
        if report.is_split:
            click.echo(f"{file} is split: the parts that {report.target} runs are slower than one would be", err=True)
    if reports:
        return
    try:
        load_in_sandbox(file)
    except ModelError as error:
        # Operations of a runtime that is not installed (Flex, MediaPipe's own) are not damage.
        if "custom op" not in str(error):
            raise
        click.echo(one_line(str(error)), err=True)


def _reports(file: Path, targets: Sequence[str]) -> list[TargetReport]:
    if not targets:
        return []
    load_in_sandbox(file)
    content, _ = read_parts(file)
    return [assess(target, content, str(file)) for target in dict.fromkeys(targets)]


def as_text(found: Inspection) -> str:
    """Return an inspection as text."""
    card = found.card
    appended = found.file_bytes - found.graph_bytes
    lines = [
        f"{found.file}: {found.file_bytes:,} bytes"
        + (f", {appended:,} of them appended (labels and card)" if appended else ""),
        f"card        {'none' if card is None else f'{card.identity}: ' + ', '.join(card.labels)}",
        *(f"input       {_io_tensor(tensor)}" for tensor in found.inputs),
        *(f"output      {_io_tensor(tensor)}" for tensor in found.outputs),
        f"weights     {found.parameters:,} parameters in {found.weight_bytes:,} bytes",
        f"work        {found.macs / 1e6:.2f} million multiply-accumulates (convolutions, dense and matrix products)",
        f"arena       {found.arena_bytes:,} bytes for computed tensors, without the kernels' scratch memory",
        f"metadata    {', '.join(found.metadata) or 'none'}",
        f"operations  {len(found.operations)}: {', '.join(f'{n} {kind}' for kind, n in found.kinds.items())}",
    ]
    floats = found.float_operations
    if not floats:
        lines.append("floats      none: every tensor is an integer")
    elif len(floats) == len(found.operations):
        lines.append("floats      every operation")
    else:
        named = ", ".join(f"{row.layer} ({row.kind})" for row in floats[:8])
        lines.append(f"floats      {len(floats)} operations: {named}{', ...' if len(floats) > 8 else ''}")
    header = f"{'':>4} {'operation':<18}{'layer':<27}{'output':<21}{'scale':>10}{'zero':>6}"
    lines += ["", f"{header}{'weight scales':>22}{'MACs':>13}{'parameters':>12}"]
    for row in found.operations:
        output = f"{row.output_dtype} {'x'.join(map(str, row.output_shape))}"
        scale = "" if row.output_scale is None else f"{row.output_scale:.4g}"
        zero = "" if row.output_zero_point is None else f"{row.output_zero_point}"
        lines.append(
            f"{row.index:>4} {row.kind[:17]:<18}{row.layer[:26]:<27}{output:<21}{scale:>10}{zero:>6}"
            f"{_span(row.weight_scales):>22}{row.macs:>13,}{row.parameters:>12,}"
        )
    # Names in a file of unknown origin.
    return "\n".join(map(printable, lines))


def _span(scales: tuple[float, ...]) -> str:
    if len(scales) < 2:
        return "".join(f"{scale:.3g}" for scale in scales)
    return f"{min(scales):.2g}..{max(scales):.2g}"


def _io_tensor(tensor: IoTensor) -> str:
    codes = "" if tensor.scale is None else f", scale {tensor.scale:g}, zero point {tensor.zero_point}"
    return f"{tensor.name}: {tensor.dtype} {list(tensor.shape)}{codes}"
