"""`mien convert inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from convert.inspect import End, Inspection
from convert.inspect import inspect as inspect_file
from convert.probe import probe


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every operation.")
def inspect(file: Path, as_json: bool) -> None:
    """Say what is in a .tflite FILE: card, operations, dtypes, work, memory. Anybody's; needs no tensorflow."""
    found = inspect_file(file)
    # After the tables, which tell more of a damaged file than the runtime does.
    probe(file)
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else as_text(found))


def as_text(found: Inspection) -> str:
    """An inspection in words."""
    card = found.card
    appended = found.file_bytes - found.graph_bytes
    lines = [
        f"{found.file}: {found.file_bytes:,} bytes"
        + (f", {appended:,} of them appended (labels and card)" if appended else ""),
        f"card        {'none' if card is None else f'{card.identity}: ' + ', '.join(card.labels)}",
        *(f"input       {_end(end)}" for end in found.inputs),
        *(f"output      {_end(end)}" for end in found.outputs),
        f"weights     {found.parameters:,} parameters in {found.weight_bytes:,} bytes",
        f"work        {found.macs / 1e6:.2f} million multiply-accumulates",
        f"arena       {found.arena_bytes:,} bytes for what is computed, as TensorFlow Lite plans it without XNNPACK",
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
    lines += ["", f"{'':>4} {'operation':<18}{'layer':<30}{'output':<24}{'MACs':>13}{'parameters':>12}"]
    for row in found.operations:
        output = f"{row.output_dtype} {'x'.join(map(str, row.output_shape))}"
        lines.append(
            f"{row.index:>4} {row.kind[:17]:<18}{row.layer[:29]:<30}{output:<24}{row.macs:>13,}{row.parameters:>12,}"
        )
    return "\n".join(lines)


def _end(end: End) -> str:
    codes = "" if end.scale is None else f", scale {end.scale:g}, zero point {end.zero_point}"
    return f"{end.name}: {end.dtype} {list(end.shape)}{codes}"
