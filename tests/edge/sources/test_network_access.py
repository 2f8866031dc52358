"""A network camera that someone else controls gets nothing fetched: no other port, no other host, no file."""

import functools
import os
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest

from edge.errors import SourceError
from edge.sources import open_source
from edge.sources.demo import DemoSource
from edge.sources.ffmpeg_limits import ffmpeg_limits
from edge.sources.redirects import MAX_REDIRECTS, resolve_redirects
from tests.edge import mjpeg_server

pytestmark = pytest.mark.slow

#: FFmpeg 5, in OpenCV 4.9, cannot be kept from following redirects.
HAS_MAX_REDIRECTS = tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 14)

HLS = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:5
#EXTINF:5,
{}
#EXT-X-ENDLIST
"""
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"
 mediaPresentationDuration="PT5S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">
<BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""
PLAYLISTS = {
    "list.m3u8": HLS,
    "list.ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "list.mpd": DASH,
    "list.asx": "[Reference]\r\nRef1={}\r\n",
    "list.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 26\r\n",
}


class Camera(mjpeg_server.Camera):
    """An MJPEG camera that also redirects and serves playlists, and notes what it was asked for."""

    def do_GET(self):
        self.server.requests.append(self.path)
        name = self.path.removeprefix("/")
        if name in self.server.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.redirects[name])
            self.end_headers()
        elif name in PLAYLISTS:
            content = PLAYLISTS[name].format(self.server.listed).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        else:
            super().do_GET()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Camera)
        self.requests, self.redirects, self.listed = [], {}, ""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path, login="", scheme="http"):
        return f"{scheme}://{login}127.0.0.1:{self.server_port}/{path}"

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def servers():
    """The camera, and a service of this machine that only this machine can reach."""
    camera, private = Server(), Server()
    yield camera, private
    camera.stop()
    private.stop()


def assert_gives_frames(address):
    with open_source(address) as source:
        assert mjpeg_server.read_number(next(iter(source)).image) is not None


def test_the_server_of_these_tests_is_a_camera(servers):
    for server in servers:
        assert_gives_frames(server.url("video"))


def test_a_redirect_to_another_port_is_an_error(servers, invoke):
    camera, private = servers
    camera.redirects = {"video": private.url("secret"), "again": "video"}
    for name in ("video", "again"):
        with pytest.raises(
            SourceError, match=f"redirects to http://127.0.0.1:{private.server_port}/secret: "
        ) as caught:
            open_source(camera.url(name, "anna:ge@heim@"))
        assert "heim" not in str(caught.value)
    done = invoke("run", "--source", camera.url("video"), "--detector", "haar")
    assert done.code == 1
    assert "expected the same host and port" in done.error_line()
    assert private.requests == []


@pytest.mark.parametrize("other", ["http://localhost:{}/", "https://127.0.0.1:{}/", "//127.0.0.1:1/", "file:///etc/x"])
def test_another_name_or_scheme_is_another_address(servers, other):
    camera, _ = servers
    camera.redirects["video"] = other.format(camera.server_port)
    with pytest.raises(SourceError, match="redirects to"):
        open_source(camera.url("video"))


def test_a_redirect_on_the_same_host_and_port_is_followed_with_the_login(servers):
    camera, _ = servers
    camera.redirects = {"": "/a%20b/c?d=e+f", "a%20b/c?d=e+f": camera.url("private/video")}
    assert_gives_frames(camera.url("", "anna:ge%40heim@"))
    assert "/a%20b/c?d=e+f" in camera.requests
    # Not even the camera gets the password unless it asks for it.
    assert resolve_redirects(camera.url("", "a:b@"), 5) == camera.url("private/video", "a:b@")


def test_a_circle_of_redirects_ends(servers):
    camera, _ = servers
    camera.redirects = {"a": "/b", "b": "/a"}
    with pytest.raises(SourceError, match=f"redirects more than {MAX_REDIRECTS} times"):
        open_source(camera.url("a"))


@pytest.mark.skipif(not HAS_MAX_REDIRECTS, reason="this FFmpeg follows redirects")
def test_a_camera_that_redirects_only_ffmpeg_gets_no_further(servers):
    camera, private = servers

    class Later(dict):
        """Redirects from the second request on."""

        def __contains__(self, name):
            return len(camera.requests) > 1

    camera.redirects = Later(video=private.url("secret"))
    with pytest.raises(SourceError, match="cannot open"):
        open_source(camera.url("video"))
    assert camera.requests == ["/video", "/video"]
    assert private.requests == []


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_an_error_and_nothing_on_it_is_fetched(servers, name, tmp_path):
    camera, private = servers
    for listed in (private.url("segment.ts"), f"file://{tmp_path}/segment.ts", "/etc/passwd"):
        camera.listed = listed
        with pytest.raises(SourceError, match=r"cannot open .* and no playlist"):
            open_source(camera.url(name))
    assert private.requests == []


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_no_clip_either(servers, name, tmp_path):
    _, private = servers
    clip = tmp_path / name
    # What has a zero byte passes for a clip at first.
    clip.write_bytes(PLAYLISTS[name].format(private.url("segment.ts")).encode() + b"\n\0")
    with pytest.raises(SourceError, match="is not a video"):
        open_source(clip)
    assert private.requests == []


def test_a_server_that_trickles_its_answer_is_left_to_ffmpeg():
    stop = threading.Event()

    def trickle(server):
        connection, _ = server.accept()
        with connection:
            while not stop.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert resolve_redirects(url, 0.5) == url
        stop.set()
        thread.join()


@pytest.mark.parametrize("url", ["http://", "http:///x", "http://[", "http://127.0.0.1:99999/", "http://127.0.0.1:1/"])
def test_addresses_that_are_none_are_left_to_ffmpeg(url):
    assert resolve_redirects(url, 1) == url
    with pytest.raises(SourceError, match="cannot open"):
        open_source(f"{url}x")


def test_a_camera_with_a_certificate_of_its_own(servers, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl: apt install openssl")
    camera, private = servers
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run([*make, "-subj", "/CN=camera", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    camera.socket = context.wrap_socket(camera.socket, server_side=True)
    camera.redirects = {"": "/video", "away": private.url("secret")}
    assert_gives_frames(camera.url("", scheme="https"))
    with pytest.raises(SourceError, match="redirects to"):
        open_source(camera.url("away", scheme="https"))
    assert private.requests == []


def test_options_of_the_environment_stay_and_come_last(monkeypatch):
    variable = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    monkeypatch.delenv(variable, raising=False)
    with ffmpeg_limits("rtsp"):
        assert os.environ[variable].endswith("|rtsp_flags;prefer_tcp")
    assert variable not in os.environ
    monkeypatch.setenv(variable, "rtsp_transport;udp")
    with ffmpeg_limits("http"):
        assert os.environ[variable].endswith("|max_redirects;0|rtsp_transport;udp")
    assert os.environ[variable] == "rtsp_transport;udp"


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.parametrize(("codec", "suffix"), [("mp4v", ".mp4"), ("MJPG", ".avi"), ("XVID", ".mkv")])
def test_containers_are_played_from_files_and_servers(codec, suffix, tmp_path):
    clip = tmp_path / f"clip{suffix}"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*codec), 5, (640, 480))
    assert writer.isOpened()
    for _ in range(3):
        writer.write(DemoSource(paced=False).picture(0))
    writer.release()
    assert len(list(open_source(clip))) == 3
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open_source(f"http://127.0.0.1:{server.server_port}/{clip.name}") as source:
            assert next(iter(source)).size_wh == (640, 480)
        server.shutdown()
