import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from convert.analysis.layer_noise import LayerNoise
from convert.analysis.proof import _comparison_lines
from convert.analysis.verification import Comparison
from convert.quality_gate import Limits, advice, worst_layers
from convert.targets import TargetReport
from edge.inference.contract import FER2013_LABELS
from edge.system.hashing import sha256_of


def comparison_of(before, after, truth=None):
    truth = np.arange(70) % 7 if truth is None else truth
    return Comparison.of("PublicTest", truth, FER2013_LABELS, before, after)


def test_no_loss_passes_and_each_limit_rejects_what_exceeds_it():
    truth = np.arange(70) % 7
    assert Limits().violations(comparison_of(truth, truth)) == []
    collapsed = comparison_of(truth, np.full(70, 3))
    found = Limits().violations(collapsed)
    assert found[0].startswith("accuracy drops 85.71 points, more than --max-drop 1")
    assert "the same answer on 14.29 %" in found[1]
    assert sum("points of recall" in text for text in found) == 6
    assert not any(text.startswith("happy") for text in found)
    one_class = np.where(truth == 1, 0, truth)
    found = Limits(max_drop=50, min_agreement=0).violations(comparison_of(truth, one_class))
    assert found == ["disgust loses 100.0 points of recall, more than --max-class-drop 10"]


def test_the_drop_has_an_interval_and_a_test():
    truth = np.arange(70) % 7
    after = truth.copy()
    after[:10] = (after[:10] + 1) % 7
    lost = comparison_of(truth, after).significance()
    assert (lost["lost"], lost["gained"]) == (10, 0)
    assert lost["drop_points"] == pytest.approx(100 / 7)
    assert lost["mcnemar_p"] == pytest.approx(2 / 2**10)
    low, high = lost["drop_interval"]
    assert 4 < low < 100 / 7 < high < 24
    assert comparison_of(truth, truth).significance()["mcnemar_p"] == 1.0
    text = "\n".join(_comparison_lines(comparison_of(truth, after)))
    assert f"accuracy lost: 14.29 points, 95 % interval {low:.2f} to {high:.2f}; 10 faces lost, 0 gained" in text


def test_a_loss_that_chance_explains_does_not_reject():
    """One face of four is 25 points, and no evidence; six of sixty are."""
    truth = np.concatenate([np.full(4, 1), np.arange(700) % 7])
    truth[truth == 1] = 0
    truth[:4] = 1
    after = truth.copy()
    after[0] = 0
    assert comparison_of(truth, after, truth).class_drops()["disgust"] == 25
    assert Limits().violations(comparison_of(truth, after, truth)) == []
    truth[4:60] = 1
    after = truth.copy()
    after[:7] = 0
    (found,) = Limits(max_drop=5).violations(comparison_of(truth, after, truth))
    assert found == "disgust loses 11.7 points of recall, more than --max-class-drop 10"


def test_a_model_near_chance_never_passes():
    truth = np.arange(70) % 7
    constant = comparison_of(np.full(70, 3), np.full(70, 3))
    (found,) = Limits().violations(constant)
    assert found.startswith(
        "the float model's mean recall is 0.0 points above guessing, less than --min-above-chance 10"
    )
    assert Limits(min_above_chance=-100).violations(constant) == []
    # Three of ten in place of one of seven: 15.7 points.
    some = np.where(np.arange(70) % 10 < 3, truth, (truth + 1) % 7)
    assert Limits().violations(comparison_of(some, some)) == []


def test_a_model_that_gives_one_answer_only_has_a_warning():
    truth = np.arange(70) % 7
    constant = comparison_of(np.full(70, 3), np.full(70, 3))
    assert (constant.only_answer, comparison_of(truth, truth).only_answer) == ("happy", "")
    text = "\n".join(_comparison_lines(constant))
    assert "warning: the answer is happy for every face" in text
    assert "warning" not in "\n".join(_comparison_lines(comparison_of(truth, truth)))


def test_nan_exceeds_every_limit():
    truth = np.arange(70) % 7
    assert Limits().violations(replace(comparison_of(truth, truth), agreement=float("nan")))
    assert Limits(max_drop=float("nan")).violations(comparison_of(truth, truth))


def test_the_worst_layers_are_named_and_something_is_advised():
    layers = [LayerNoise(f"l{i}", "CONV_2D", "INT8", sqnr, 0, (0, 1), (0, 1), None, None)
              for i, sqnr in enumerate((30.0, 12.0, 25.0, 40.0))]  # fmt: skip
    assert [layer.layer for layer in worst_layers(layers)] == ["l1", "l2", "l0"]
    assert advice("int8", 500, layers) == "try --samples 1000, --scheme int16x8, --keep-float l1"
    assert advice("int8", 500, layers, ["l1"]).endswith("--keep-float l2")
    assert advice("int16x8", 500, layers) == "try --samples 1000, --scheme float16"
    assert advice("float32", None, []) == "train it again"


LENIENT = ("--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100)


def test_a_model_that_loses_too_much_is_not_written(mien, cnn_run, made_csv, tmp_path):
    out = tmp_path / "x.tflite"
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", out, "--samples", 70, *LENIENT,
                "--max-drop", -50, module="convert")  # fmt: skip
    assert done.code == 1
    line = done.error_line()
    assert "int8 is rejected: accuracy drops" in line
    assert "most noise in" in line
    assert "try --samples 140, --scheme int16x8, --keep-float" in line
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_model_is_kept_under_another_name_on_request(mien, cnn_run, made_csv, tmp_path):
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", tmp_path / "x.tflite",
                "--samples", 70, *LENIENT, "--max-drop", -50, "--keep-rejected", "--json",
                module="convert")  # fmt: skip
    assert done.code == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "x-rejected-proof.html", "x-rejected-proof.json", "x-rejected.tflite"
    ]  # fmt: skip
    proof = json.loads((tmp_path / "x-rejected-proof.json").read_text())
    assert not proof["passed"]
    # With --json, standard output is that proof.
    assert json.loads(done.out) == {"written": None, **proof}
    assert "Rejected by the quality gate" in (tmp_path / "x-rejected-proof.html").read_text()


class Text(HTMLParser):
    """The text of a page, whose tags must match."""

    def __init__(self, page):
        super().__init__()
        self.words, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(" ".join(data.split()))


def test_the_proof_is_the_same_in_json_and_as_a_page(quantized):
    proof = json.loads(quantized.with_name("cnn-int8-proof.json").read_text())
    assert proof["passed"]
    assert len(proof["calibration"]["rows"]) == 70
    assert proof["file"]["float_operations"] == []
    assert proof["folding_error"] < 1e-4
    assert {"tensorflow", "ai-edge-quantizer", "ai-edge-litert"} <= set(proof["tools"])
    # What an auditor asks for: which files, when, where, and by what.
    assert proof["sha256"] == sha256_of(quantized)
    assert len(proof["source_sha256"]) == 64
    assert proof["latency"]["ratio"] == pytest.approx(proof["latency"]["converted_ms"] / proof["latency"]["float_ms"])
    assert set(proof["made"]) == {"time", "command", "processor"}
    page = quantized.with_name("cnn-int8-proof.html").read_text()
    text = Text(page)
    assert text.open == []
    after = proof["measured"]["after"]
    assert f"{100 * after['accuracy']:.2f} %" in text.words
    assert f"{100 * proof['measured']['agreement']:.2f} %" in text.words
    for word in (proof["sha256"], proof["source_sha256"], proof["made"]["command"]):
        assert word in text.words
    for layer in proof["layers"]:
        assert layer["layer"] in text.words
        assert f"{layer['sqnr_db']:.1f}" in text.words
    # Nothing is fetched from anywhere.
    assert "http" not in page
    assert "<script" not in page


def test_names_from_a_file_do_not_become_markup(quantized):
    from dataclasses import replace

    from convert.analysis.inspection import inspect
    from convert.analysis.proof import Proof
    from convert.analysis.proof_page import page

    inspection = replace(inspect(quantized), file="<script>alert(1)</script>.tflite")
    proof = Proof(
        "<b>x</b>", "int8", "y", 1, inspection, None, [], "", 0.0, {}, (), Limits(), [], None, "0" * 64, "1" * 64,
        TargetReport("xnnpack", "<i>here</i>", 1, ()), {"<i>RELU": 1},
        made={"time": "now", "command": "mien <i>", "processor": "none"},
    )  # fmt: skip
    text = page(proof)
    assert "<script>alert" not in text
    assert "&lt;b&gt;x" in text
    assert "mien &lt;i&gt;" in text


@pytest.mark.parametrize("value", [-1, 101])
def test_a_limit_may_have_any_value(value):
    truth = np.arange(70) % 7
    assert bool(Limits(min_agreement=value).violations(comparison_of(truth, truth))) == (value > 100)
