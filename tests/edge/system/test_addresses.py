import pytest

from edge.system.addresses import without_credentials


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://cam.local:554/h264?channel=1", "rtsp://cam.local:554/h264?channel=1"),
        ("rtsp://anna:geheim@cam.local/h264", "rtsp://cam.local/h264"),
        ("rtsp://anna@cam.local/h264", "rtsp://cam.local/h264"),
        # Nobody quotes a password as they should.
        ("rtsp://anna:ge@heim@cam.local/h264", "rtsp://cam.local/h264"),
        ("rtsp://anna:ge/heim?#@cam.local/h264", "rtsp://cam.local/h264"),
        ("rtsp://anna:ge heim@cam.local/h264", "rtsp://cam.local/h264"),
        (
            "http://cam.local/video.cgi?user=anna&pwd=geheim&size=2",
            "http://cam.local/video.cgi?user=***&pwd=***&size=2",
        ),
        ("rtsp://cam.local/user=anna&password=geheim&channel=1", "rtsp://cam.local/user=***&password=***&channel=1"),
        ("rtsp://cam.local/user=anna_password=geheim_channel=1", "rtsp://cam.local/user=***"),
        ("http://cam.local/stream?Token=geheim", "http://cam.local/stream?Token=***"),
        ("cannot open rtsp://anna:geheim@cam.local/h264: it is off", "cannot open rtsp://cam.local/h264: it is off"),
        ("http://cam.local/monkey=3", "http://cam.local/monkey=3"),
        ("camera:0", "camera:0"),
    ],
)
def test_user_and_password_are_not_shown(address, shown):
    assert without_credentials(address) == shown
