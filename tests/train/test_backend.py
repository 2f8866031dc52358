from train.backend import resolve_precision


def test_precision_follows_the_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: fpu avx512f avx512_bf16\n")
    assert resolve_precision("auto", cpuinfo) == "mixed_bfloat16"
    cpuinfo.write_text("flags\t\t: fpu avx2\n")
    assert resolve_precision("auto", cpuinfo) == "float32"
    assert resolve_precision("auto", tmp_path / "none") == "float32"
    assert resolve_precision("float32", cpuinfo) == "float32"
