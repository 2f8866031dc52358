import pytest

from edge.errors import SourceError
from edge.sources.v4l2_devices import V4l2Devices


@pytest.fixture
def folder(tmp_path):
    """Two cameras as udev lists them: one with a serial number, and one that is known by its port alone."""
    for name in ("video0", "video1", "video2"):
        (tmp_path / name).touch()
    for name, target in (
        ("by-id/usb-c920_1234-video-index0", "video0"),
        ("by-path/usb-0:1-video-index0", "video0"),
        ("by-path/usb-0:2-video-index0", "video2"),
    ):
        link = tmp_path / "v4l" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../{target}")
    return tmp_path


def test_the_link_by_serial_number_comes_before_the_one_by_port(folder):
    devices = V4l2Devices(folder)
    assert devices.link(0) == str(folder / "v4l/by-id/usb-c920_1234-video-index0")
    assert devices.link(2) == str(folder / "v4l/by-path/usb-0:2-video-index0")
    assert devices.link(1) == ""


def test_a_link_is_followed_to_the_number_that_the_camera_has_now(folder):
    devices, link = V4l2Devices(folder), V4l2Devices(folder).link(0)
    assert (devices.number(0), devices.number(link)) == (0, 0)
    (folder / "video0").rename(folder / "video7")
    (folder / "v4l/by-id/usb-c920_1234-video-index0").unlink()
    with pytest.raises(SourceError, match=r"no camera at .*c920.*: there are camera:1, camera:2, camera:7; for"):
        devices.number(link)
    (folder / "v4l/by-id/usb-c920_1234-video-index0").symlink_to("../../video7")
    assert devices.number(link) == 7


def test_a_link_to_something_else_is_no_camera(folder):
    (folder / "v4l/by-id/disk").symlink_to("/dev/null")
    with pytest.raises(SourceError, match="no camera at"):
        V4l2Devices(folder).number(str(folder / "v4l/by-id/disk"))
