"""Opens sinks by their URIs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge.errors import WrongUseError
from edge.sinks.message_filter import FILTER_OPTIONS, MessageFilter
from edge.sinks.prepared_sink import PreparedSink
from edge.sinks.sink import Sink
from edge.sinks.sink_group import SinkGroup
from edge.sinks.sink_uri import SinkUri
from edge.sinks.sink_worker import CAPACITY
from edge.system.addresses import without_credentials
from edge.system.registry import Registry
from edge.system.regular_files import read_regular

_BUILTIN = {
    "console": "edge.sinks.console:ConsoleSink",
    "jsonl": "edge.sinks.files.jsonl:JsonLinesSink",
    "csv": "edge.sinks.files.csv:CsvSink",
    "mqtt": "edge.sinks.mqtt.mqtt_sink:MqttSink",
    "mqtts": "edge.sinks.mqtt.mqtt_sink:MqttSink",
    "webhook": "edge.sinks.webhook.webhook_sink:WebhookSink",
    "exec": "edge.sinks.command.command_sink:CommandSink",
    "sqlite": "edge.sinks.history_sink:HistorySink",
    "gpio": "edge.sinks.gpio.gpio_sink:GpioSink",
    "metrics": "edge.sinks.prometheus.exporter:MetricsSink",
}
#: The sinks by name: those of mien, and those of installed packages with entry points of the group `mien.sinks`.
REGISTRY: Registry[Sink] = Registry("mien.sinks", "sink", _BUILTIN)
#: The option that every sink has: how many messages may wait for it.
_QUEUE = "queue"
#: Options whose value is a file with a secret or a certificate, which may be replaced while the sink is open.
_FILES = {"token_file", "secret_file", "login", "ca", "cert", "key"}
#: Of such a file: a bundle of all certificate authorities has a quarter of a megabyte.
_MAX_FILE_BYTES = 16 << 20
_MAX_CAPACITY = 100_000


def sink_usage() -> str:
    """Return how the command line names mien's own sinks, in one line for help texts and error messages."""
    usages = list(dict.fromkeys(REGISTRY.get(name).usage for name in _BUILTIN))
    return f"{', '.join(usages[:-1])} or {usages[-1]}"


def prepare_sink(uri: str, camera: str | None = None) -> PreparedSink:
    """Check a sink's URI, and return what opens the sink. Nothing is opened yet.

    Args:
        uri: one of the forms of `edge.sinks.SINKS`, or `NAME:...` with the name of a plug-in. Every sink has the option
            `queue=N`, how many messages may wait for it, and those of `edge.sinks.message_filter`; for the other
            options see the modules of the sinks.
        camera: name of the camera, where it is given for several of them; see `Sink.for_camera`.

    Raises:
        WrongUseError: there is no such sink, or its URI is not what was expected.
        MissingExtraError: the sink needs a package that is not installed.
        SinkError: a file that the URI names cannot be read.
    """
    parsed = SinkUri.parse(uri)
    if parsed.scheme not in REGISTRY:
        plugins = [f"{name}:..." for name in REGISTRY.names() if name not in _BUILTIN]
        raise WrongUseError(
            f"no sink {without_credentials(uri)!r}: expected {sink_usage()}"
            + (f"; installed plug-ins: {', '.join(plugins)}" if plugins else "")
        )
    sink = REGISTRY.get(parsed.scheme)
    if not issubclass(sink, Sink):
        raise WrongUseError(
            f"the sink {parsed.scheme} cannot be used: {sink.__qualname__} is no subclass of edge.sinks.Sink"
        )
    if camera is not None:
        parsed = sink.for_camera(parsed, camera)
    # A sink of another package may have an option of such a name for itself.
    filter_options = [key for key in FILTER_OPTIONS if sink.has_filter and key not in sink.options]
    parsed.check_options((*sink.options, _QUEUE, *filter_options))
    capacity = parsed.integer(_QUEUE, CAPACITY, 1, _MAX_CAPACITY)
    if sink.requirement is not None:
        sink.requirement.check()
    chosen = replace(parsed, options={key: text for key, text in parsed.options.items() if key in filter_options})
    return PreparedSink(
        parsed.name,
        sink.prepare(parsed),
        capacity,
        uri,
        MessageFilter.from_uri(chosen),
        (*chosen.names("emotion"), *(name for key in sink.expression_options for name in parsed.names(key))),
        _sha256_of_files(parsed),
    )


def _sha256_of_files(uri: SinkUri) -> str:
    digest = hashlib.sha256()
    for key in sorted(_FILES & set(uri.options)):
        # `prepare` has read it, and has reported what is wrong with it.
        with suppress(OSError, ValueError):
            digest.update(read_regular(Path(uri.options[key]), _MAX_FILE_BYTES))
    return digest.hexdigest()


def open_sink(uri: str) -> Sink:
    """Open one sink by its URI; a context manager whose `write(event)` delivers one event.

    `write` waits until the event is written or acknowledged, and raises SinkError if that fails; the same event can
    then be passed again. The sinks of `mien run` have a queue and a thread of their own instead. For example::

        with open_sink("jsonl:events.jsonl?rotate=10MB") as sink:
            for event in watch("camera:0"):
                sink.write(event)

    Args:
        uri: as `mien run --sink` takes it: `console`, `jsonl:PATH`, `csv:PATH`, `mqtt://HOST`, `webhook:URL`,
            `exec:COMMAND`, `sqlite:PATH`, `gpio:PIN?when=happy`, `metrics:PORT`, or `NAME:...` for the sink of another
            package. A password is read from the environment or from the file that the URI names.

    Returns:
        The open sink.

    Raises:
        WrongUseError: there is no such sink, or its URI is not what was expected; or the URI selects messages, which
            this sink does not: it writes what it is given.
        MissingExtraError: the sink needs a package that is not installed.
        SinkError: the sink can never be written to, or a file that the URI names cannot be read.
    """
    prepared = prepare_sink(uri)
    if prepared.filter is not None:
        raise WrongUseError(
            f"{' and '.join(FILTER_OPTIONS)} of sink {prepared.name} select messages, and open_sink writes every one: "
            "expected open_sink_group, or no such option"
        )
    return prepared.open()


def open_sink_group(sinks: Sequence[str | PreparedSink], block_when_full: bool = False) -> SinkGroup:
    """Open sinks, each with a worker thread and a queue of its own.

    Args:
        sinks: URIs as for `prepare_sink`, or what `prepare_sink` returned.
        block_when_full: let `put` wait while a queue is full, instead of dropping the oldest message: for video files
            and folders, which can wait. A sink that fails is not waited for.

    Raises:
        WrongUseError: a sink is named twice, or as `prepare_sink` raises it.
        SinkError: a sink can never be written to; those that were opened are closed again.
    """
    group = SinkGroup()
    group.exchange([prepare_sink(sink) if isinstance(sink, str) else sink for sink in sinks], block_when_full)
    return group
