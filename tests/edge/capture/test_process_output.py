import pytest

from edge.capture.process_output import stated_reason

#: As libcamera 0.4.0 writes them into a pipe, with the colors of a terminal.
LINE = "[22:03:35.931971934] [1] \x1b[1;32m{} \x1b[1;37m{} \x1b[1;34m{} \x1b[0m{}\n"
BANNER = LINE.format(" INFO", "Camera", "camera_manager.cpp:327", "libcamera v0.4.0")
WARNING = LINE.format(" WARN", "IPAManager", "ipa_manager.cpp:148", "No IPA found in '/usr/lib/libcamera'")
ALLOCATOR = LINE.format("ERROR", "DmaBufAllocator", "dma_buf_allocator.cpp:119", "Could not open any dma-buf provider")
#: As it writes them with LIBCAMERA_LOG_NO_COLOR.
PLAIN = "[0:00:01.000000001] [7] ERROR V4L2 v4l2_device.cpp:400 No such control\n"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", ""),
        (BANNER, ""),
        (WARNING + BANNER, ""),
        (ALLOCATOR + BANNER, "Could not open any dma-buf provider"),
        (PLAIN + BANNER, "No such control"),
        ("a driver's line\n" + BANNER, "a driver's line"),
        ("[0:00:01.000000001] [7] DEBUG Camera camera.cpp:1 State\n", ""),
        ("[rtsp @ 0x55d0c0ffee] method DESCRIBE failed: 401\n", "method DESCRIBE failed: 401"),
        ("[not libcamera's] INFO there was none\n", "INFO there was none"),
    ],
)
def test_the_reason_is_the_last_line_that_may_explain_a_failure(output, reason):
    assert stated_reason(output.encode()) == reason


def test_bytes_that_are_no_text():
    assert stated_reason(b"\xff\xfe[\n") == "��["
