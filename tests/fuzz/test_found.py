"""What the fuzzer has found stays fixed: every input of the corpus is accepted, or rejected in one line.

Inputs that were findings are `corpus/TARGET/found-*`; the tests below are for those that need more than a file.
"""

import bz2
import contextlib
import logging
import socket
import struct
import threading
import time

import pytest

from edge.datasets import load_dataset
from edge.errors import DataError, ModelError, shown
from edge.inference.flatbuffer import Graph
from edge.sinks import open_sink
from edge.system.image_header import image_size
from tests.edge.waiting import wait_until
from tests.fuzz.outcome import examine
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import CORPUS

#: They load TensorFlow, or start a process for each input.
SLOW = {"saved-model", "sandbox"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in TARGETS])
def test_the_whole_corpus_is_accepted_or_rejected(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(logging.root.manager, "disable", logging.WARNING)
    (tmp_path / "target").mkdir()
    with contextlib.closing(TARGETS[name].load()(tmp_path / "target")) as target:
        outcomes = [examine(target, data) for data in target.seeds()]
    assert [(outcome.kind, outcome.text) for outcome in outcomes if outcome.ending == "finding"] == []


def test_the_corpus_has_what_was_found():
    assert len(list(CORPUS.glob("*/found-*"))) >= 15


def repeated_operators(n_subgraphs, n_operators):
    """A flatbuffer whose subgraphs are all the same table, and all operators of it, too."""
    out = bytearray(b"\0\0\0\0TFL3")

    def table(n_fields, present):
        out.extend(b"\0" * (-len(out) % 4))
        begin, offsets = len(out), [4 + 4 * present.index(i) if i in present else 0 for i in range(n_fields)]
        out.extend(struct.pack(f"<HH{n_fields}H", 4 + 2 * n_fields, 4 + 4 * len(present), *offsets))
        out.extend(b"\0" * (-len(out) % 4))
        position = len(out)
        out.extend(struct.pack("<i", position - begin) + b"\0" * 4 * len(present))
        return position, [position + 4 + 4 * i for i in range(len(present))]

    def vector(n):
        position = len(out)
        out.extend(struct.pack("<I", n) + b"\0" * 4 * n)
        return position

    def point(place, position):
        struct.pack_into("<I", out, place, position - place)

    model, (codes_place, subgraphs_place, buffers_place) = table(5, [1, 2, 4])
    point(0, model)
    for place, n in ((codes_place, 1), (buffers_place, 1), (subgraphs_place, n_subgraphs)):
        listed = vector(n)
        point(place, listed)
        if place != subgraphs_place:
            point(listed + 4, table(1, [])[0])
    subgraph, (tensors_place, operators_place) = table(4, [0, 3])
    for i in range(n_subgraphs):
        point(listed + 4 + 4 * i, subgraph)
    point(tensors_place, vector(0))
    operators = vector(n_operators)
    point(operators_place, operators)
    operator, _ = table(1, [])
    for i in range(n_operators):
        point(operators + 4 + 4 * i, operator)
    return bytes(out)


def test_a_flatbuffer_that_names_the_same_tables_again_and_again_is_not_unpacked():
    """10 KB would have taken minutes, in the daemon itself: it was parsed before the sandbox."""
    content = repeated_operators(1200, 1200)
    assert len(content) < 10_000
    with pytest.raises(ModelError, match=r"x is damaged: its tables cannot be read \(ValueError\)") as caught:
        Graph(content, "x")
    assert str(caught.value.__cause__) == "it has more than 20000 tables"


def test_a_flatbuffer_whose_tensors_share_one_long_name_is_not_unpacked():
    graph = Graph((CORPUS / "graph" / "int8.tflite").read_bytes(), "x")
    content = bytearray(graph.pack())
    # As much is allowed as a file with shared weights needs.
    Graph(bytes(content), "x")
    graph.main.tensors = [*graph.main.tensors, *[graph.main.tensors[0]] * 20_000]
    with pytest.raises(ModelError, match="damaged"):
        Graph(graph.pack(), "x")


@pytest.mark.parametrize("claimed", [200, 437_000_000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_png_with_a_chunk_larger_than_the_file_is_rejected_before_opencv_allocates_it(claimed):
    data = bytearray((CORPUS / "image" / "one-bit.png").read_bytes())
    assert image_size(bytes(data)) == (16, 16)
    struct.pack_into(">I", data, 33, claimed)
    with pytest.raises(ValueError, match="one of its chunks claims more bytes than it has"):
        image_size(bytes(data))


@pytest.mark.parametrize("row", [b"\n", b"0,,Training\n", b"x\n"])
def test_a_small_file_that_unpacks_to_gigabytes_is_not_read_to_its_end(row, tmp_path):
    """A 64 KB file of bad rows would have filled the memory with messages."""
    path, bad = tmp_path / "fer2013.csv.bz2", []
    part = bz2.compress(row * (1_000_000 // len(row)))
    path.write_bytes(bz2.compress(b"emotion,pixels,Usage\n") + 100 * part)
    assert path.stat().st_size < 20_000
    with pytest.raises(
        DataError, match=r"unpacks to more than 100 times its size|more than 100000 (rows are bad|lines are blank)"
    ):
        load_dataset(path, ["PublicTest"], on_bad=bad.append)
    assert len(bad) <= 100_000


@pytest.mark.parametrize("name", ["configuration", "recipe"])
def test_a_key_of_many_parts_is_rejected_before_it_is_parsed(name, tmp_path):
    """The parser needs time with the square of its parts."""
    with contextlib.closing(TARGETS[name].load()(tmp_path)) as target:
        outcome = examine(target, b"a." * 3000 + b"a = 1\n")
    assert outcome.ending == "rejected"
    assert "line 1 has 3000 dots" in outcome.text


def test_a_value_in_a_message_is_short():
    deep = []
    for _ in range(500):
        deep = [deep]
    for value in ("x" * 10_000, ["x" * 100] * 10_000, deep, {"a" * 999: "b" * 999}, 10**4000, "\x1b[2J\n"):
        assert len(shown(value)) <= 200
        assert shown(value).isprintable()
    assert shown(["happy", 1]) == "['happy', 1]"


def test_a_broker_that_begins_messages_without_end_is_left(caplog):
    """65,535 messages of 4 KB would have been kept, which a small board does not have room for."""
    pytest.importorskip("paho.mqtt.client", reason="no paho-mqtt: pip install 'mien[mqtt]'")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sink = open_sink(f"mqtt://127.0.0.1:{listener.getsockname()[1]}/mien/test")
        connection, _ = listener.accept()
        with connection:
            reader = threading.Thread(target=_read_all, args=(connection,))
            reader.start()
            connection.sendall(b"\x20\x02\0\0")
            body = b"\0\1t%b" + b"x" * 4000
            with contextlib.suppress(ConnectionError):
                for number in range(1, 60):
                    packet = body.replace(b"%b", struct.pack("!H", number))
                    connection.sendall(b"\x34" + bytes([len(packet) % 128 + 128, len(packet) // 128]) + packet)
                    time.sleep(0.01)
            wait_until(lambda: "begins to deliver messages" in caplog.text, "the warning")
            reader.join()
        sink.close()


def _read_all(connection):
    with contextlib.suppress(OSError):
        while connection.recv(1 << 16):
            pass
