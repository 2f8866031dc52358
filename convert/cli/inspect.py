"""`mien convert inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from convert.analysis.delegation import Delegation, delegation
from convert.analysis.inspection import Inspection, IoTensor
from convert.api import inspect as inspect_file
from edge.errors import ModelError
from edge.inference.model_card import read_parts
from edge.inference.sandbox import load_in_sandbox
from edge.inference.shipped_models import path_of_model
from edge.system.untrusted_text import one_line, printable


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--delegate", is_flag=True, help="Load the file, and show which operations LiteRT's XNNPACK delegate takes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every operation.")
def inspect(file: Path, delegate: bool, as_json: bool) -> None:
    """Show the contents of any .tflite FILE, or of a shipped model: card, operations, dtypes, work and memory.

    Needs no tensorflow.
    """
    file = path_of_model(file)
    found = inspect_file(file)
    delegated = None
    if delegate:
        load_in_sandbox(file)
        delegated = delegation(read_parts(file)[0], str(file))
    if as_json:
        more = {} if delegated is None else {"delegation": delegated.as_dict()}
        click.echo(json.dumps({**found.as_dict(), **more}, indent=2))
    else:
        click.echo(as_text(found, delegated))
    if delegated is not None:
        if delegated.is_split:
            click.echo(f"{file} is split: the parts that XNNPACK runs are slower than one part would be", err=True)
        return
    try:
        load_in_sandbox(file)
    except ModelError as error:
        # Operations of a runtime that is not installed (Flex, MediaPipe's own) are not damage.
        if "custom op" not in str(error):
            raise
        click.echo(one_line(str(error)), err=True)


def as_text(found: Inspection, delegated: Delegation | None = None) -> str:
    """Return an inspection as text, with what the delegate does if that was asked for."""
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
    if delegated is not None:
        lines.append(f"delegate    {delegated.as_text()}")
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
