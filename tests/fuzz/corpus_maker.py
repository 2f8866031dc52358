"""Makes the corpus: `python -m tests.fuzz.corpus_maker`. All of it is made data, small and valid, or nearly so.

The files are committed: a corpus that changes with a library would make a run hard to repeat. Inputs that were found to
be dangerous are beside them, with names that begin with `found-`; this program leaves those alone.
"""

import bz2
import gzip
import io
import json
import lzma
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deploy.build.packing import pack
from deploy.device.manifest import Manifest
from deploy.device.trusted_keys import KEYS_PART, KeyChange, key_id
from edge.inference.contract import FER2013_LABELS
from edge.inference.flatbuffer import Graph, schema
from edge.inference.model_card import read_model, write_model
from edge.inference.shipped_models import MODELS_FOLDER
from tests.edge.benchmark.test_comparison import result, right
from tests.fuzz.target import CORPUS
from tests.fuzz.targets.bundles import KEY, PUBLIC_KEY
from tests.fuzz.targets.model_files import CARD
from tests.fuzz.targets.training_files import SEPARATOR
from tests.made_data import draw_face

#: The largest corpus in bytes: it is in every checkout.
MAX_BYTES = 300_000


def main() -> None:
    """Write all files."""
    makers = (
        models,
        cards,
        settings,
        data_sets,
        images,
        bundles,
        keys,
        installer,
        results,
        requests,
        packets,
        training,
    )
    for maker in makers:
        for name, content in maker():
            path = CORPUS / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    total = sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file())
    print(f"{total} bytes in {CORPUS}")
    assert total < MAX_BYTES


Files = Iterator[tuple[str, bytes | str]]


def small_graph() -> bytes:
    """The shipped nano model without its middle, for images of 8 x 8 pixels."""
    graph = Graph(read_model(MODELS_FOLDER / "mien-nano-int8.tflite").graph, "nano")
    main, model = graph.main, graph.model
    main.operators = [main.operators[i] for i in (0, 1, 7, 8, 9)]
    quantize, convolution, mean, dense, softmax = main.operators
    mean.inputs = [convolution.outputs[0], mean.inputs[1]]
    sizes = {quantize.inputs[0]: (1, 8, 8, 1), quantize.outputs[0]: (1, 8, 8, 1), convolution.outputs[0]: (1, 4, 4, 16)}
    sizes |= {mean.outputs[0]: (1, 16), dense.inputs[1]: (7, 16)}
    for index, shape in sizes.items():
        main.tensors[index].shape, main.tensors[index].shapeSignature = np.array(shape, np.int32), None
    weights = model.buffers[main.tensors[dense.inputs[1]].buffer]
    weights.data = np.asarray(weights.data).reshape(7, -1)[:, :16].ravel()
    used = list(dict.fromkeys(int(i) for op in main.operators for i in (*op.inputs, *op.outputs)))
    places = {index: place for place, index in enumerate(used)}
    main.tensors = [main.tensors[index] for index in used]
    for op in main.operators:
        op.inputs, op.outputs = ([places[int(i)] for i in indices] for indices in (op.inputs, op.outputs))
    main.inputs, main.outputs = quantize.inputs, softmax.outputs
    buffers = [model.buffers[0], *(model.buffers[tensor.buffer] for tensor in main.tensors)]
    for place, tensor in enumerate(main.tensors, 1):
        tensor.buffer, tensor.name = place, f"net/layer_{place}/x".encode()
    model.buffers, model.metadata, model.signatureDefs = buffers, [], []
    return graph.pack()


def float_graph() -> bytes:
    """One dense layer and a softmax in float32."""
    tables = schema()
    graph = Graph(small_graph(), "small")
    main, model = graph.main, graph.model
    main.operators = [main.operators[3], main.operators[4]]
    dense, softmax = main.operators
    shapes = {dense.inputs[0]: (1, 64), dense.inputs[1]: (7, 64), dense.inputs[2]: (7,)}
    shapes |= {dense.outputs[0]: (1, 7), softmax.outputs[0]: (1, 7)}
    for index, shape in shapes.items():
        tensor = main.tensors[index]
        tensor.shape, tensor.type, tensor.quantization = np.array(shape, np.int32), tables.TensorType.FLOAT32, None
        if index in (dense.inputs[1], dense.inputs[2]):
            values = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32)
            model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    used = list(shapes)
    main.tensors = [main.tensors[index] for index in used]
    for op in main.operators:
        op.inputs, op.outputs = ([used.index(int(i)) for i in indices] for indices in (op.inputs, op.outputs))
    main.inputs, main.outputs = [0], softmax.outputs
    return graph.pack()


def models() -> Files:
    """Graphs, and a model file with its card."""
    yield "graph/int8.tflite", small_graph()
    yield "graph/float.tflite", float_graph()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        write_model(path, small_graph(), CARD)
        yield "model-file/with-card.tflite", path.read_bytes()
    yield "model-file/bare.tflite", float_graph()


def cards() -> Files:
    """Cards of foreign models, and the card of a shipped one."""
    with zipfile.ZipFile(MODELS_FOLDER / "mien-nano-int8.tflite") as archive:
        yield "model-card/shipped.json", archive.read("model_card.json")
    small = {"name": "foreign", "labels": ["happy", "sad"], "input_shape": [1, 8, 8, 1], "input_range": [-1, 1.0]}
    yield "model-card/small.json", json.dumps(small)
    yield "model-card/full.json", "\ufeff" + json.dumps({**small, "resize": "linear", "crop_margin": 0.2, "version": 3})


def settings() -> Files:
    """Configuration files, addresses of sinks, and cache files."""
    yield "configuration/small.toml", 'source = "demo"\nsink = ["console", "jsonl:-"]\nthreads = 2\n'
    yield (
        "configuration/cameras.toml",
        'sink = "jsonl:-"\n[[camera]]\nname = "hall"\nsource = "camera:0"\nprior = ["sad=0.5"]\n'
        '[[camera]]\nname = "attic"\nsource = "demo"\ncadence = 5\nmin-hold = "2s"\nsink = ["console"]\n',
    )
    yield (
        "configuration/full.toml",
        """# Everything.
source = "rtsp://user:secret@camera/stream"
model = "mien-nano-int8"
detector = "blazeface"
cadence = "auto"
target-fps = 12.5
max-cpu = 150
sink = ["mqtt://broker/mien", "metrics:9108"]
emit = "frame"
threads = "auto"
max-frames = 100
report = "report.json"
preview = "127.0.0.1:8080"
wait-for-source = true
stall-timeout = "20s"
freeze-timeout = 0
min-hold = 0.5
uncertain-below = 0.4
prior = ["neutral=0.6"]
aggregate = "5m"
min-faces = 3
debug-frames = "frames"
""",
    )
    for name, line in {
        "mqtt": "mqtts://me@broker:8883/mien/kitchen?qos=2&login=secret&discovery=ha\nme\npassword",
        "metrics": "metrics:0.0.0.0:9108?token_file=secret&queue=10\n0123456789abcdefghij\n",
        "file": "jsonl:events.jsonl?rotate=1MB&keep=3\n",
        "csv": "csv:events.csv\n",
        "webhook": "webhook:https://example.org:8443/mien?room=hall?secret_file=secret&timeout=5s&emotion=happy,sad\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        "exec": "exec:true 'a word' $HOME?timeout=10s&min_score=0.7&state=started,offline&cooldown=30s\n",
        "sqlite": "sqlite:history.db?keep=30d\n",
        "gpio": "gpio:17?when=happy,surprise&active=low&pulse=2s\n",
        "address": "[::1]:8080\n",
        "threads": "auto\n",
    }.items():
        yield f"sink-uri/{name}.txt", line
    yield "cache/event.json", json.dumps({"state": "frame", "emotions": {"happy": 0.9, "sad": 0.1}})
    yield "cache/loadable.json", json.dumps(["0" * 64 + " ai_edge_litert 2.3.0"])
    yield "cache/threads.json", json.dumps({"0" * 64 + " ai_edge_litert 2.3.0, some processor, 4 cores": 2})


def data_sets() -> Files:
    """A few drawn faces as FER-2013 has them, in each compression, and votes for them."""
    random = np.random.default_rng(0)
    rows = ["emotion,pixels,Usage"]
    usages = ("Training", "Training", "PublicTest", "PrivateTest")
    for class_id, usage in enumerate(usages):
        # Few gray values compress well.
        face = draw_face(FER2013_LABELS[class_id], random) // 64 * 64
        rows.append(f"{class_id},{' '.join(map(str, face.ravel()))},{usage}")
    text = ("\n".join(rows) + "\n").encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("fer2013.csv"), text, zipfile.ZIP_DEFLATED)
    for name, content in {
        "plain.csv": text,
        "gzip.csv.gz": gzip.compress(text, mtime=0),
        "bzip2.csv.bz2": bz2.compress(text),
        "xz.csv.xz": lzma.compress(text),
        "zip.csv.zip": archive.getvalue(),
    }.items():
        yield f"fer2013/{name}", content
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    votes = [f"{usage},fer{i:07}.png,{i},4,0,0,{10 - 4 - i},0,0,0,0,0" for i, usage in enumerate(usages)]
    for name, number in (("text", np.array("7")), ("number", np.array(7))):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, number)
        yield f"annotation/{name}.npy", stream.getvalue()
    yield "ferplus/votes.csv", "\n".join([header, *votes]) + "\n"
    yield "groups/people.csv", "file,age,glasses\nhappy/a.jpg,old,yes\nb.jpg,young,\n"
    boxes = "0--Parade/a.jpg\n2\n10 20 30 40 0 0 0 0 0 0\n50 60 70 80 2 0 0 1 0 0\nb.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n"
    yield "boxes/wider.txt", boxes


def images() -> Files:
    """One drawn face in each format and in some of their variants."""
    gray = draw_face("happy", np.random.default_rng(1))[8:40:2, 8:40:2].copy()
    color = cv2.applyColorMap(gray, cv2.COLORMAP_JET)
    alpha = np.dstack([color, gray])
    variants: dict[str, tuple[str, Any, list[int]]] = {
        "baseline.jpg": (".jpg", color, [cv2.IMWRITE_JPEG_QUALITY, 60]),
        "progressive.jpg": (".jpg", gray, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1]),
        "color.png": (".png", color, []),
        "alpha.png": (".png", alpha, []),
        "one-bit.png": (".png", (gray > 99).astype(np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1]),
        "deep.png": (".png", gray.astype(np.uint16) * 257, []),
        "plain.bmp": (".bmp", color, []),
        "gray.bmp": (".bmp", gray, []),
        "lossy.webp": (".webp", color, [cv2.IMWRITE_WEBP_QUALITY, 50]),
        "lossless.webp": (".webp", alpha, [cv2.IMWRITE_WEBP_QUALITY, 101]),
    }
    for name, (suffix, image, options) in variants.items():
        done, encoded = cv2.imencode(suffix, image, options)
        assert done
        yield f"image/{name}", encoded.tobytes()


def bundles() -> Files:
    """Signed bundles of a few small parts, and their manifests."""
    manifest = Manifest("1.0", "bookworm", "x86_64", "3.11", "made", "", 1_700_000_000, 1000, True, ())
    parts = {"config/mien.toml": b'source = "demo"\n', "models/made.tflite": b"made", "requirements.txt": b""}
    change = KeyChange((PUBLIC_KEY,), ("0123456789abcdef",))
    for name, more in {"small": {}, "with-keys": {KEYS_PART: change.as_bytes()}}.items():
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**parts, **more}.items():
                file = Path(folder) / "parts" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            written = pack(Path(folder) / "parts", manifest, KEY, Path(folder) / "bundle")
            yield f"bundle/{name}.bundle", (Path(folder) / "bundle").read_bytes()
            yield f"manifest/{name}.json", written.as_bytes()


def keys() -> Files:
    """Changes of keys, and files with one key and with two."""
    yield "key-change/one.json", KeyChange((PUBLIC_KEY,), ()).as_bytes()
    yield "key-change/both.json", KeyChange((PUBLIC_KEY,), ("0123456789abcdef", key_id(PUBLIC_KEY)[::-1])).as_bytes()
    yield "public-keys/one.pub", PUBLIC_KEY
    other = PUBLIC_KEY.replace(b"MCow", b"MCoX")
    yield "public-keys/two.pub", b"# A comment.\n" + other + PUBLIC_KEY
    yield "public-keys/crlf.pub", PUBLIC_KEY.replace(b"\n", b"\r\n")


def installer() -> Files:
    """What an installer keeps, and the hosts that it is sent to."""
    entry = {
        "time": "2026-11-28T20:00:00Z",
        "action": "install",
        "outcome": "started",
        "version": "1.0",
        "before": "",
        "reason": "",
    }
    lines = [
        entry,
        {**entry, "outcome": "activated"},
        {**entry, "action": "rollback", "outcome": "failed", "reason": "é"},
    ]
    yield "history/three.jsonl", "".join(json.dumps(line) + "\n" for line in lines)
    yield "history/newest.jsonl", "1.0\n" + json.dumps(entry)
    record = {"manifest.json": "0" * 64, "config/mien.toml": "1" * 64, "link": "-> config/mien.toml"}
    yield "installed-files/three.json", json.dumps(record)
    probation = {"version": "1.0", "before": "0.9", "duration_s": 300.0, "passed_s": 12.5, "restarts": 0}
    yield "probation/one.json", json.dumps({**probation, "boot": "b7a1c3", "boots": 1})
    yield "hosts/three.txt", "# comment\nporch\npi@hall.local  # door\n\n1,10%,100%\n"


def results() -> Files:
    """Results of a benchmark."""
    yield "results/one.json", json.dumps(result(right(40, 30)))
    other = result(right(40, 20), p50=0.9, rss=100.0)
    other["marks"] = ["the processor was busy"]
    other["models"].append({**other["models"][0], "name": "b"})
    yield "results/two.json", json.dumps(other)


def requests() -> Files:
    """Requests to the preview and to the metrics."""
    host, end = "Host: 127.0.0.1\r\n", "\r\n"
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{key}"
    form = "token=0123456789abcdefghij"
    form_head = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
    body = "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\ntoken\r\n0\r\n\r\n"
    frame = b"\x81\x82\0\0\0\0ok" * 3 + b"\x88\x82\0\0\0\0\x03\xe8"
    for name, text in {
        "get": f"GET / HTTP/1.1\r\n{host}{end}",
        "keep-alive": f"GET /static/main.js HTTP/1.1\r\n{host}{end}HEAD /%2e%2e/ HTTP/1.0\r\n{end}",
        "chunked": f"POST /login HTTP/1.1\r\n{host}{body}",
        "api": f"GET /api/v1/state HTTP/1.1\r\n{host}Authorization: Bearer {form[6:]}\r\n{end}"
        f"GET /api/v1/events HTTP/1.1\r\n{host}{end}",
        "login": f"POST /login HTTP/1.1\r\n{host}{form_head}{end}{form}",
        "token": f"GET /?{form} HTTP/1.1\r\n{host}Cookie: mien-preview-1=x; a=b\r\n{end}",
        "live": f"GET /live HTTP/1.1\r\n{host}Origin: http://127.0.0.1\r\n{upgrade}{end}{frame.decode('latin-1')}",
    }.items():
        yield f"preview/{name}.http", text.encode("latin-1")
    metrics = f"GET /metrics?name[]=mien_faces_total HTTP/1.1\r\n{host}Authorization: Bearer 0123456789abcdefghij\r\n"
    yield (
        "metrics/get.http",
        f"{metrics}Accept-Encoding: gzip\r\nAccept: application/openmetrics-text; version=1.0.0{end}{end}",
    )
    yield "metrics/old.http", "GET /favicon.ico\r\n"
    yield "metrics/post.http", f"POST /metrics HTTP/1.1\r\n{host}{body}"


def packets() -> Files:
    """What a broker sends: acknowledgments, and the message that Home Assistant has started."""
    accepted = b"\x20\x02\0\0"
    topic = b"homeassistant/status"
    publish = bytes([len(topic) + 2 + 6]) + bytes([0, len(topic)]) + topic + b"online"
    with_id = bytes([len(topic) + 4 + 6]) + bytes([0, len(topic)]) + topic + b"\0\x05online"
    yield "mqtt/online.bin", accepted + b"\x90\x03\0\x01\0" + b"\x30" + publish
    yield "mqtt/twice.bin", accepted + b"\x30" + publish + b"\x30" + publish + b"\xd0\0"
    yield "mqtt/once.bin", accepted + b"\x32" + with_id + b"\x34" + with_id + b"\x62\x02\0\x05"
    yield "mqtt/acknowledged.bin", accepted + b"\x40\x02\0\x01" + b"\x50\x02\0\x02" + b"\x70\x02\0\x02"
    yield "mqtt/rejected.bin", b"\x20\x02\0\x05"


def training() -> Files:
    """Recipes, a run folder, and the graph of a SavedModel."""
    stages = """name = "staged"
architecture = "resnet50"
[model]
weights = "none"
[augment]
enabled = true
[fit]
batch_size = 32
[[stages]]
name = "head"
train = "head"
epochs = 2
learning_rate = 0.001
[[stages]]
name = "all"
train = "all"
epochs = 3
learning_rate = 0.0001
"""
    small = (
        'name = "cnn"\narchitecture = "cnn"\ndescription = "a small one"\n[model]\nwidths = [16, 24]\ndropout = 0.1\n'
        '[fit]\nepochs = 6\nbatch_size = 16\nprecision = "float32"\n'
    )
    yield "recipe/small.toml", small
    yield "recipe/staged.toml", stages
    space = "[fit]\nlearning_rate = { low = 0.01, high = 0.1, log = true }\nbatch_size = [32, 64]\n"
    widths = "[model]\nwidths = [[16], [16, 32]]\n"
    data_table = f'[data]\nname = "fer2013.csv"\nsha256 = "{"0" * 64}"\n'
    record = small.replace("[", "[recipe.").replace("recipe.16", "16")
    yield "search-space/file.toml", space + widths
    yield (
        "search-space/search.txt",
        f"{space}{SEPARATOR.decode()}[recipe]\n{record}{data_table}[space.fit]\nbatch_size = [32, 64]\n",
    )
    history = "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.3,1.8,0.2,1.9\n1,0.4,1.5,0.35,1.6\n"
    data = {"name": "fer2013.csv", "sha256": "0" * 64, "label_mode": "majority", "limit": 10}
    table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in data.items())
    yield "run-folder/finished.txt", f"{small}[data]\n{table}".encode() + SEPARATOR + history.encode()
    metrics = {
        "recipe": "cnn", "architecture": "cnn", "labels": list(FER2013_LABELS), "parameters": 1000, "epochs": 2,
        "best_epoch": 2, "seconds": 3.5, "images_per_second": 100.0, "device": "CPU", "data": data,
        "split": "PublicTest", "train_accuracy": 0.4, "scores": {"n": 10, "accuracy": 0.35, "macro_f1": 0.3},
        "members": [{"seconds": 1.5}],
    }  # fmt: skip
    yield "run-metrics/finished.json", json.dumps(metrics)
    yield "saved-model/small.pb", _saved_model()


def _saved_model() -> bytes:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel(saved_model_schema_version=1)
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.object_graph_def.concrete_functions["serve"].canonicalized_input_signature.tuple_value.SetInParent()
    for name, operators in {"serve": ("PartitionedCall", "inner"), "inner": ("Conv2D", "Relu", "Identity")}.items():
        function = graph.graph_def.library.function.add()
        function.signature.name = name
        for operator in operators:
            node = function.node_def.add(name=f"node_{operator}", op=operator)
            node.attr["f"].func.name = "inner"
            node.attr["list"].list.func.add(name="inner")
    return bytes(saved.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
