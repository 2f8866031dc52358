"""`mien convert micro`: what it writes, and bad input."""

import ctypes
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.micro.c_text import c_comment, c_string
from convert.micro.micro_export import with_margin
from convert.micro.resolver_source import resolver_source
from edge.inference.classifier import Classifier
from edge.inference.contract import dequantize
from edge.inference.flatbuffer import Graph, schema
from edge.inference.model_card import read_model, write_model
from edge.inference.prior import open_correction
from edge.inference.shipped_models import find_model
from tests.convert.micro.compiling import WARNINGS, compile_library, compiler


@pytest.fixture
def micro(invoke):
    def run(*arguments):
        return invoke("micro", *arguments, module="convert")

    return run


@pytest.fixture(scope="module")
def project(invoke, made_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("project") / "nano"
    done = invoke("micro", "mien-nano-int8", "--out", out, "--data", made_csv, module="convert")
    assert done.code == 0, done.err
    assert "accuracy" in done.out
    return out


def test_the_proof_compares_both_runtimes(project):
    proof = json.loads((project / "proof.json").read_text())
    measured = proof["measured"]
    assert proof["passed"]
    assert measured["faces"] == 70
    assert measured["agreement"] > 0.95
    assert measured["largest_difference"] < 16
    assert 30_000 < proof["tflm_arena_bytes"] < proof["arena_bytes"] < 45_000
    assert proof["portable_arena_bytes"] < proof["tflm_arena_bytes"]
    assert proof["flash_bytes"] == proof["model_bytes"] + proof["table_bytes"]
    assert proof["tools"]["tflite-micro"]
    page = (project / "proof.html").read_text()
    assert "mien-nano-int8@" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_scores_are_those_of_a_recognizer(project, tmp_path, some_faces):
    """With the score calibration, to the precision of float32."""
    shutil.copytree(project / "src", tmp_path / "src")
    library = compile_library(tmp_path / "src")
    classes = len(read_model(find_model("mien-nano-int8")).card.labels)

    class Scores(ctypes.Structure):
        _fields_ = [("codes", ctypes.c_int8 * classes), ("scores", ctypes.c_float * classes), ("best", ctypes.c_int)]

    library.mien_label.restype = ctypes.c_char_p
    library.mien_label.argtypes = [ctypes.c_int]
    assert library.mien_init() == 0
    classifier = Classifier(find_model("mien-nano-int8"))
    correct = open_correction((), classifier.labels, classifier.score_calibration)
    assert correct is not None
    scores = Scores()
    for face in some_faces:
        assert library.mien_classify(face.ctypes.data_as(ctypes.c_void_p), ctypes.byref(scores)) == 0
        expected = correct(dequantize(np.array(scores.codes), 1 / 256, -128))
        np.testing.assert_allclose(list(scores.scores), expected, atol=1e-5)
        assert library.mien_label(scores.best).decode() == classifier.labels[expected.argmax()]
    assert library.mien_label(classes) is None
    assert library.mien_label(-1) is None
    assert library.mien_classify(None, ctypes.byref(scores)) == 4


def test_it_links_with_the_other_runtime(project, tmp_path):
    """Against a stub: the C++ sources of TensorFlow Lite for Microcontrollers are on no package index."""
    stub = Path(__file__).parent / "tflm_stub"
    objects = []
    for path in [*sorted((project / "src").glob("*.c*")), project / "test" / "self_test.c", stub / "stub.cc"]:
        is_c = path.suffix == ".c"
        objects.append(tmp_path / f"{path.stem}.o")
        command = [compiler("gcc" if is_c else "g++"), "-std=c99" if is_c else "-std=c++17", *WARNINGS, "-c",
                   "-DMIEN_USE_TFLM", "-I", project / "src", "-I", stub, "-o", objects[-1], path]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        # An empty translation unit is one that -Wpedantic does not like.
        assert done.returncode == 0, done.stderr
    program = tmp_path / "self_test"
    subprocess.run([compiler("g++"), "-o", program, *objects, "-lm"], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    # The stub answers the first class, whose codes are wrong: the self-test reports it.
    assert done.returncode == 1
    assert "0 of 10 faces, 10 of 10 crops as expected" in done.stdout


def test_the_sketch_compiles(project, tmp_path):
    """Against stubs of what Arduino and the camera's driver declare."""
    (tmp_path / "esp_camera.h").write_text(_CAMERA)
    sketch = tmp_path / "sketch.cc"
    sketch.write_text("#include <cstdint>\n" + (project / "examples" / "esp32_cam" / "esp32_cam.ino").read_text())
    command = [compiler("g++"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", tmp_path, "-I",
               project / "src", sketch]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_script_for_openmv_has_the_margin(project):
    script = (project / "examples" / "openmv" / "classify.py").read_text()
    compile(script, "classify.py", "exec")
    assert "MARGIN = 0.17 " in script
    # Without the card, whose SHA-256 a microcontroller cannot check.
    graph = (project / "examples" / "openmv" / "mien.tflite").read_bytes()
    assert graph == read_model(find_model("mien-nano-int8")).graph


def test_the_same_model_gives_the_same_project(project, micro, made_csv, tmp_path):
    assert micro("mien-nano-int8", "--out", tmp_path / "again", "--data", made_csv).code == 0
    for path in sorted(project.rglob("*")):
        if path.is_file() and path.name not in ("proof.json", "proof.html"):
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(project)).read_bytes(), path


def test_a_network_without_portable_kernels_is_left_to_the_interpreter(micro, renamed_operator, tmp_path):
    """MAXIMUM is an operator of the interpreter, and not one of the kernels in C."""
    done = micro(renamed_operator("ADD", "MAXIMUM"), "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "portable    no: the portable kernels do not have MAXIMUM (layer " in done.out
    names = {path.name for path in (tmp_path / "out" / "src").iterdir()}
    assert {"mien_tflm.cc", "mien_operators.h", "mien_crop.c"} <= names
    assert not names & {"mien_network.c", "mien_kernels.c", "mien_portable.c"}
    assert "resolver.AddMaximum()" in (tmp_path / "out" / "src" / "mien_operators.h").read_text()
    assert "cannot run in plain C" in (tmp_path / "out" / "README.md").read_text()


LABELS = ('a "quoted" word', "fröhlich 😀", "back\\slash", "what??/", "%s", "*/ int x;", "#define y")


def test_labels_of_any_kind_are_valid_c(micro, renamed_operator, tmp_path):
    path = renamed_operator(
        "ADD", "ADD", labels=LABELS, name='*/ "quoted" ö', score_calibration={}, score_adjustment={}
    )
    done = micro(path, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    library = compile_library(tmp_path / "out" / "src")
    library.mien_label.restype = ctypes.c_char_p
    assert tuple(library.mien_label(i).decode() for i in range(7)) == LABELS


def test_c_text():
    assert c_string('a"b\\c?\n1ö') == '"a\\"b\\\\c\\?\\0121\\303\\266"'
    assert c_comment("a */ b /* c\nd \\ ö") == "a * / b / * c d / ?"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (["--max-arena", "32K"], "the arena takes 38,912 bytes, the limit is 32,768"),
        (["--max-flash", "200000"], "bytes of flash, the limit is 200,000"),
    ],
)
def test_a_network_that_is_too_large_is_not_written(micro, tmp_path, limits, message):
    done = micro("mien-nano-int8", "--out", tmp_path / "out", *limits)
    assert done.code == 1
    assert message in done.error_line()
    assert list(tmp_path.iterdir()) == []


def test_one_that_fits_is_written_into_an_empty_folder(micro, tmp_path):
    done = micro("mien-nano-int8", "--out", tmp_path, "--max-arena", "64K", "--max-flash", "1M", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["passed"]
    assert (tmp_path / "CMakeLists.txt").is_file()


def test_bad_input_ends_in_one_line(micro, renamed_operator, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    card = read_model(find_model("mien-small-int8")).card
    float_model = tmp_path / "float.tflite"
    write_model(float_model, _float_graph(), replace(card, scheme="float32"))
    for arguments, code, message in (
        (["mien-nano-int8", "--out", tmp_path / "full"], 2, "is not empty: expected a new or an empty folder"),
        (["mien-nano-int8", "--out", tmp_path / "full" / "file"], 2, "is a file: expected a new or an empty folder"),
        (["none.tflite", "--out", out], 1, "cannot read the model"),
        ([float_model, "--out", out], 1, "is FLOAT32; convert it with `mien convert quantize"),
        (
            [renamed_operator("MEAN", "TOPK_V2"), "--out", out],
            1,
            "has TOPK_V2, which TensorFlow Lite for Microcontrollers",
        ),
        (["mien-nano-int8", "--out", out, "--max-arena", "big"], 2, "is not a number of bytes"),
        (["mien-nano-int8", "--out", out, "--max-arena", "0"], 2, "is not a number of bytes"),
        (["mien-nano-int8", "--out", out, "--data", tmp_path / "none.csv"], 1, "no data set at"),
    ):
        done = micro(*arguments)
        assert done.code == code, (arguments, done.err)
        assert message in done.error_line()
        assert not out.exists()


def test_a_model_that_the_interpreter_rejects(micro, renamed_operator, tmp_path):
    """A dense layer with the operator of a convolution: it is rejected in the child process, in one line."""
    done = micro(renamed_operator("FULLY_CONNECTED", "CONV_2D"), "--out", tmp_path / "out")
    assert done.code == 1
    assert "TensorFlow Lite for Microcontrollers cannot run" in done.error_line() or "cannot" in done.error_line()
    assert not (tmp_path / "out").exists()


def test_without_the_extra(micro, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    done = micro("mien-nano-int8", "--out", tmp_path / "out")
    assert done.code == 2
    assert "this needs tflite-micro, which is not installed" in done.error_line()


def test_the_resolver_has_exactly_the_operators():
    text = resolver_source(["CONV_2D", "ADD", "CONV_2D"])
    assert "MicroMutableOpResolver<2>" in text
    assert text.count("resolver.Add") == 2


def test_the_margin_is_that_of_the_largest_window():
    path = find_model("mien-nano-int8")
    graph = Graph(read_model(path).graph, path.name)
    largest = max(op.inputs[1].constant[0].size for op in graph.operations if op.kind == "CONV_2D")
    assert with_margin(10_000, graph) == -(-(10_000 + 4 * largest + 1024) // 1024) * 1024


def _float_graph() -> bytes:
    """A graph with a float tensor: that of mien-small-int8, one of whose tensors claims to be one."""
    path = find_model("mien-small-int8")
    graph = Graph(read_model(path).graph, path.name)
    tensor = graph.operations[3].outputs[0]
    graph.main.tensors[tensor.index].type = schema().TensorType.FLOAT32
    return graph.pack()


_CAMERA = """
#pragma once
#include <cstddef>
#include <cstdint>
enum { ESP_OK, LEDC_TIMER_0 = 0, LEDC_CHANNEL_0 = 0, PIXFORMAT_GRAYSCALE, FRAMESIZE_QQVGA, CAMERA_FB_IN_DRAM,
       CAMERA_GRAB_LATEST };
struct camera_config_t {
  int pin_pwdn, pin_reset, pin_xclk, pin_sccb_sda, pin_sccb_scl, pin_d7, pin_d6, pin_d5, pin_d4, pin_d3, pin_d2, pin_d1,
      pin_d0, pin_vsync, pin_href, pin_pclk, xclk_freq_hz, ledc_timer, ledc_channel, pixel_format, frame_size, fb_count,
      fb_location, grab_mode;
};
struct camera_fb_t {
  uint8_t *buf;
  size_t len, width, height;
};
int esp_camera_init(const camera_config_t *);
camera_fb_t *esp_camera_fb_get();
void esp_camera_fb_return(camera_fb_t *);
unsigned long micros();
void delay(int);
struct SerialPort {
  void begin(int);
  void println(const char *);
  void printf(const char *, ...) __attribute__((format(printf, 2, 3)));
};
extern SerialPort Serial;
"""
