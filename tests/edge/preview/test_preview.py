"""The server over real sockets."""

import gc
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import weakref
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")
pytest.importorskip("starlette", reason="pip install 'mien[preview]'")
client = pytest.importorskip("websockets.sync.client", reason="pip install 'mien[preview]'")

from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

from edge.errors import MissingExtraError, PreviewError, WrongUseError  # noqa: E402
from edge.inference.contract import FER2013_LABELS  # noqa: E402
from edge.own_package import extra_command  # noqa: E402
from edge.preview import Preview  # noqa: E402
from edge.preview.viewers import FULL, MAX_VIEWERS, TOKEN_NEEDED  # noqa: E402
from edge.system.login_attempts import MAX_FAILURES  # noqa: E402
from edge.types import UNCERTAIN, SourceEvent  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.edge.preview.conftest import made_frame, made_report, made_track, wait_for  # noqa: E402

TOKEN = "a-long-enough-token-1"


def fetch(url, data=None, **headers):
    """Status, headers, body."""
    request = urllib.request.Request(url, data, {k.replace("_", "-"): v for k, v in headers.items()})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def connect(preview, **headers):
    url = preview.url.replace("http", "ws") + "live"
    return client.connect(url, additional_headers=headers, compression=None, proxy=None, open_timeout=60)


def next_frame(viewer, shown=True):
    """Head and JPEG of the next frame."""
    while isinstance(message := viewer.recv(timeout=60), str):
        pass
    if shown:
        viewer.send("shown")
    (length,) = struct.unpack(">I", message[:4])
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def next_text(viewer, kind):
    while True:
        message = viewer.recv(timeout=60)
        if isinstance(message, str):
            if json.loads(message)["kind"] == kind:
                return json.loads(message)
        else:
            viewer.send("shown")


def test_a_frame_message_contains_the_picture_and_its_faces(loop):
    with Preview("127.0.0.1", 0) as preview:
        loop(preview, tracks=[made_track(3, (10, 20, 30, 40)), made_track(4, class_id=UNCERTAIN)])
        with connect(preview) as viewer:
            head, jpeg = next_frame(viewer)
            assert head["labels"] == list(FER2013_LABELS)
            assert head["source"] == "made"
            assert head["size"] == [640, 480]
            assert [face["id"] for face in head["faces"]] == [3, 4]
            assert head["faces"][0]["box"] == [10, 20, 30, 40]
            assert [face["expression"] for face in head["faces"]] == ["happy", "uncertain"]
            assert head["faces"][0]["scores"][FER2013_LABELS.index("happy")] == pytest.approx(0.9)
            assert head["latency_ms"]["detect"] == 4.0
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            # The picture belongs to the same frame: the position of the white square depends on its number.
            x = head["frame"] * 7 % 600
            assert picture.shape == (480, 640, 3)
            assert picture[30:50, x + 8 : x + 32].mean() > 240
            later, _ = next_frame(viewer)
            assert later["frame"] > head["frame"]


def test_large_and_gray_pictures():
    from edge.preview.frame_message import MAX_SIDE, FrameMessage
    from edge.types import Frame

    for shape, expected in (((1080, 1920, 3), (540, 960)), ((48, 64), (48, 64)), ((3, 4000), (1, 960))):
        frame = Frame(np.full(shape, 90, np.uint8), 0, 0.0, 0.0, 0.0)
        message = FrameMessage("made", frame, (), FER2013_LABELS, {}, 0.0, 0.0).encode()
        (length,) = struct.unpack(">I", message[:4])
        assert json.loads(message[4 : 4 + length])["size"] == [shape[1], shape[0]]
        picture = cv2.imdecode(np.frombuffer(message[4 + length :], np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[:2] == expected
        assert max(picture.shape) <= MAX_SIDE


def test_nothing_is_encoded_or_kept_without_viewers(loop):
    with Preview("127.0.0.1", 0) as preview:
        running = loop(preview)
        with connect(preview) as viewer:
            next_frame(viewer)
        assert preview.camera().broadcast.encoded >= 1

        def nothing_is_encoded():
            # One frame may still have been requested when the viewer left.
            encoded, before = preview.camera().broadcast.encoded, running.frames
            wait_for(lambda: running.frames > before + 60, "60 frames")
            return preview.camera().broadcast.encoded == encoded

        wait_for(nothing_is_encoded, "60 frames without an encoding")
        running.paused = True
        frame = made_frame(0)
        image = weakref.ref(frame.image)
        preview.camera().publish(frame, [], made_report(0, 0), FER2013_LABELS)
        del frame
        gc.collect()
        assert image() is None


def test_a_frame_is_encoded_once_for_all_viewers(loop):
    with Preview("127.0.0.1", 0) as preview:
        loop(preview)
        with connect(preview) as first, connect(preview) as second, connect(preview) as third:
            jpegs = {}
            for viewer in (first, second, third) * 10:
                head, jpeg = next_frame(viewer)
                jpegs.setdefault(head["frame"], set()).add(jpeg)
            assert all(len(found) == 1 for found in jpegs.values())
            assert len(jpegs) < 30
            assert preview.camera().broadcast.encoded < 40


def test_a_slow_viewer_gets_fewer_frames_and_slows_down_no_other(loop):
    with Preview("127.0.0.1", 0) as preview:
        running = loop(preview)
        with connect(preview) as slow, connect(preview) as quick:
            seen, _ = next_frame(slow, shown=False)
            for _ in range(15):
                last, _ = next_frame(quick)
            # Nothing is queued for the slow viewer; once it has shown the last frame, it gets the newest.
            slow.send("shown")
            newest, _ = next_frame(slow)
            assert newest["frame"] >= last["frame"] > seen["frame"] + 15
        assert running.longest_s < 0.05


def test_states_and_notices_are_sent_at_once_and_to_later_viewers(loop):
    with Preview("127.0.0.1", 0) as preview, connect(preview) as early:
        assert next_text(early, "state")["state"] is None
        preview.camera().put(SourceEvent("camera:0", "stalled", "no frame for 20 s"))
        # No frame is needed for it.
        while (state := next_text(early, "state"))["state"] is None:
            pass
        assert (state["source"], state["reason"]) == ("camera:0", "no frame for 20 s")
        preview.camera().set_notice("pictures are stored")
        with connect(preview) as late:
            assert next_text(late, "state") == {**state, "notice": "pictures are stored"}


def test_a_later_viewer_gets_the_timeline(loop):
    with Preview("127.0.0.1", 0) as preview:
        for index in range(8):
            tracks = [made_track(1, label="sad")] if index < 2 else [made_track(1), made_track(2)] if index < 4 else []
            preview.camera().publish(made_frame(index), tracks, made_report(index, len(tracks)), FER2013_LABELS)
        with connect(preview) as viewer:
            minutes = next_text(viewer, "minutes")
        presence = sum(column[1] for column in minutes["columns"])
        assert 0.4 < presence < 2
        assert {label for _, _, shares in minutes["columns"] for label in shares} == {"sad", "happy"}


def test_the_number_of_viewers_is_limited(loop):
    with Preview("127.0.0.1", 0) as preview:
        loop(preview)
        with ExitStack() as stack:
            viewers = [stack.enter_context(connect(preview)) for _ in range(MAX_VIEWERS)]
            for viewer in viewers:
                next_frame(viewer)
            with connect(preview) as one_more:
                with pytest.raises(ConnectionClosed) as closed:
                    one_more.recv(timeout=60)
                assert closed.value.rcvd.code == FULL
            # The connected viewers are still served.
            next_frame(viewers[0])

        def there_is_room():
            with connect(preview) as viewer:
                try:
                    return bool(viewer.recv(timeout=60))
                except ConnectionClosed:
                    return False

        wait_for(there_is_room, "room after they have left")


def test_every_response_has_security_headers():
    with Preview("127.0.0.1", 0) as preview:
        for path in ("", "static/style.css", "static/main.js", "nothing-here"):
            status, headers, _ = fetch(preview.url + path)
            assert status == (404 if path == "nothing-here" else 200)
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "server" not in headers
        for path in ("static/../app.py", "static/%2e%2e/app.py", "static/..%2fapp.py"):
            assert fetch(preview.url + path)[0] == 404


def test_foreign_hosts_and_origins_are_rejected_on_loopback():
    with Preview("127.0.0.1", 0) as preview:
        for name in ("evil.example", "127.0.0.1.evil.example", "", "[::1"):
            status, _, body = fetch(preview.url, Host=name)
            assert status in (400, 421)
            assert "<html" not in body
        for name in ("localhost:1", "127.0.0.1", "[::1]:8080", "LOCALHOST"):
            assert fetch(preview.url, Host=name)[0] == 200
        # A page of another site may open a WebSocket to anywhere.
        with pytest.raises(InvalidStatus) as rejected:
            connect(preview, Origin="http://evil.example")
        assert rejected.value.response.status_code == 403
        with connect(preview, Origin=preview.url.rstrip("/")) as viewer:
            assert next_text(viewer, "state")


def test_the_token_grants_access_and_a_wrong_one_does_not():
    with Preview("127.0.0.1", 0, TOKEN) as preview:
        status, headers, body = fetch(preview.url)
        assert status == 401
        assert "canvas" not in body
        assert 'name="token"' in body
        status, headers, body = fetch(preview.url + "login", f"token={TOKEN}".encode())
        assert status == 200
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie + body
        assert fetch(f"{preview.url}?token={TOKEN}")[1]["Set-Cookie"] == cookie
        cookie = cookie.partition(";")[0]
        status, _, body = fetch(preview.url, Cookie=cookie)
        assert (status, "canvas" in body) == (200, True)
        with connect(preview, Cookie=cookie) as viewer:
            assert next_text(viewer, "state")
        with connect(preview) as stranger:
            with pytest.raises(ConnectionClosed) as closed:
                stranger.recv(timeout=60)
            assert closed.value.rcvd.code == TOKEN_NEEDED
        status, _, body = fetch(preview.url + "login", b"token=wrong")
        assert status == 403
        assert "Wrong token" in body
        status, _, body = fetch(preview.url + "login", b"token=" + b"x" * 100_000)
        assert status == 413


@pytest.mark.parametrize("way", ["form", "address", "cookie", "socket"])
def test_wrong_tokens_are_limited(way):
    with Preview("127.0.0.1", 0, TOKEN) as preview:
        right = fetch(preview.url + "login", f"token={TOKEN}".encode())[1]["Set-Cookie"].partition(";")[0]
        wrong = right.partition("=")[0] + "=" + "0" * 64
        for _ in range(MAX_FAILURES):
            if way == "form":
                last = fetch(preview.url + "login", b"token=wrong")
            elif way == "address":
                last = fetch(preview.url + "?token=wrong")
            elif way == "cookie":
                last = fetch(preview.url, Cookie=wrong)
                assert "Max-Age=0" in last[1]["Set-Cookie"]
            else:
                with connect(preview, Cookie=wrong) as viewer, pytest.raises(ConnectionClosed):
                    viewer.recv(timeout=60)
        if way != "socket":
            assert last[0] == 429
            assert "Too many wrong tokens" in last[2]
        # A right guess is not acknowledged now.
        status, headers, _ = fetch(preview.url + "login", f"token={TOKEN}".encode())
        assert status == 429
        assert 0 < int(headers["Retry-After"]) <= 60
        # Those who are inside stay inside: a proxy's users share one address.
        assert fetch(preview.url, Cookie=right, X_Forwarded_For="10.0.0.9")[0] == 200


def test_a_token_is_needed_beyond_loopback():
    for host in ("0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1", "example.com"):
        with pytest.raises(WrongUseError, match="expected a token"):
            Preview(host, 0)
    with Preview("0.0.0.0", 0, TOKEN) as preview:
        url = preview.url.replace("0.0.0.0", "127.0.0.1")
        assert fetch(url)[0] == 401
        # Under any host name: a browser sends a cookie only to the host that set it.
        assert fetch(url, Host="pi.local")[0] == 401
    with pytest.raises(WrongUseError, match="no valid token") as short:
        Preview("0.0.0.0", 0, "swordfish")
    assert "swordfish" not in str(short.value)


def test_an_address_that_cannot_be_used_is_reported_on_entry():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PreviewError, match="already in use"):
        Preview("127.0.0.1", taken.getsockname()[1]).__enter__()
    with pytest.raises(PreviewError, match="assign requested address"):
        Preview("192.0.2.1", 0, TOKEN).__enter__()
    with pytest.raises(PreviewError, match="no such host"):
        Preview("nowhere.invalid", 0, TOKEN).__enter__()


@pytest.mark.slow
def test_a_privileged_port_is_reported():
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("everybody may have port 80 here: sysctl net.ipv4.ip_unprivileged_port_start=1024")
    code = (
        "import os, encodings.idna\nfrom edge.preview import Preview\nfrom edge.errors import PreviewError\n"
        "preview = Preview('127.0.0.1', 80)\nif os.geteuid() == 0: os.setuid(65534)\n"
        "try:\n    preview.__enter__()\nexcept PreviewError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert "Permission denied" in done.stdout, done.stderr


def test_it_ends_with_viewers_connected_and_restarts_on_its_port(loop):
    threads = threading.active_count()
    port = 0
    for _ in range(2):
        with Preview("127.0.0.1", port) as preview:
            port = int(preview.url.rsplit(":")[-1].strip("/"))
            preview.camera().publish(made_frame(0), [], made_report(0, 0), FER2013_LABELS)
            with connect(preview) as silent:
                silent.recv(timeout=60)
                preview.__exit__(None, None, None)
                with pytest.raises(ConnectionClosed) as closed:
                    all(silent)
                assert closed.value.rcvd.code == 1012
        # The loop may still publish a frame after the preview has ended.
        preview.camera().publish(made_frame(1), [], made_report(1, 0), FER2013_LABELS)
        preview.camera().put(SourceEvent("made", "offline", "ended"))
    assert threading.active_count() == threads


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "edge.preview.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=rf"this needs uvicorn.* {re.escape(extra_command('preview'))}"):
        Preview("127.0.0.1", 0)


@pytest.mark.slow
def test_the_script_that_measures_the_cost_of_viewers(weights, tmp_path):
    command = [
        sys.executable,
        "-P",
        ROOT / "docs" / "experiments" / "preview_cost.py",
        "--rounds",
        "1",
        "--seconds",
        "0.5",
    ]
    done = subprocess.run(
        [*map(str, command), "--out", str(tmp_path / "phases.json")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0, done.stderr
    phases = json.loads((tmp_path / "phases.json").read_text())
    assert sorted(phase["viewers"] for phase in phases) == [0, 1, 2]
    assert all(phase["fps"] > 0 for phase in phases)
