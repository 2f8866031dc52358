"""What OpenCV's FFmpeg may open for a source: the protocols of its address, and streams and containers.

A playlist (HLS, DASH, a list of files to concatenate, a session description) names other addresses, which FFmpeg would
open too: ports of this machine, files, devices. None of them is on the list below.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: The variable in which OpenCV looks for FFmpeg's options: it has no parameter for them.
_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
#: FFmpeg's names of containers and of streams without one.
_CONTAINERS = (
    "apng,asf,avi,dhav,dv,flv,gif,h264,hevc,ivf,jpeg_pipe,live_flv,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mpjpeg,"
    "mxf,nsv,nut,obu,ogg,png_pipe,rm,vc1,wtv,yuv4mpegpipe"
)
#: FFmpeg's options for each scheme; a clip is a file. For RTSP, OpenCV sets the last one itself, but only where no
#: other options are set.
_OPTIONS = {
    "file": {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS},
    "http": {"protocol_whitelist": "http,tcp", "format_whitelist": _CONTAINERS, "max_redirects": "0"},
    "https": {
        "protocol_whitelist": "https,httpproxy,tls,tcp",
        "format_whitelist": _CONTAINERS,
        "max_redirects": "0",
    },
    "rtsp": {"protocol_whitelist": "rtp,tcp,udp", "format_whitelist": "rtsp,asf", "rtsp_flags": "prefer_tcp"},
    "rtsps": {"protocol_whitelist": "rtp,tls,tcp,udp", "format_whitelist": "rtsp,asf", "rtsp_flags": "prefer_tcp"},
}
#: The environment is one for all threads.
_LOCK = threading.Lock()


@contextmanager
def ffmpeg_limits(scheme: str) -> Iterator[None]:
    """Open an OpenCV capture inside the block with the options of a scheme.

    Options that the environment sets already stay, and take precedence. FFmpeg ignores those that it does not know:
    up to version 5, which OpenCV 4.9 contains, it follows redirects.

    Args:
        scheme: of the address, in lower case; `file` for a clip.
    """
    with _LOCK:
        given = os.environ.get(_VARIABLE)
        options = [f"{key};{value}" for key, value in _OPTIONS[scheme].items()]
        os.environ[_VARIABLE] = "|".join([*options, *filter(None, [given])])
        try:
            yield
        finally:
            if given is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = given
