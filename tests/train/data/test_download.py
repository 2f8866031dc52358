"""`mien train fetch`: the real kagglehub, against a stand-in for Kaggle's API on this machine."""

import io
import json
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from edge.datasets.reader import load_dataset
from tests.commands import run_mien
from tests.made_data import write_folder

#: Where kagglehub looks for Kaggle under KAGGLE_API_ENVIRONMENT=TEST.
PORT = 7777


class Kaggle(ThreadingHTTPServer):
    """What Kaggle has, whom it gives it to, and how often somebody took it."""

    content = b""
    token = None
    status = 200
    cut = False
    downloads = 0


class Answers(BaseHTTPRequestHandler):
    server: Kaggle

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._json(403, {"code": 403, "message": "Permission denied"})
        elif self.server.status != 200:
            self._json(self.server.status, {"code": self.server.status, "message": "no"})
        elif self.path.endswith("/GetDataset"):
            self._json(200, {"currentVersionNumber": 3})
        else:
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{PORT}/bundle.zip")
            self.end_headers()

    def do_GET(self):
        self.server.downloads += 1
        content = self.server.content
        self.send_response(200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.server.cut else content)

    def _json(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def kaggle(tmp_path):
    try:
        server = Kaggle(("localhost", PORT), Answers)
    except OSError as error:
        pytest.skip(f"port {PORT} is taken: {error}")
    folder = write_folder(tmp_path / "archive (3)", 2)
    (folder / "train").rename(folder / "Train")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path))
    server.content = buffer.getvalue()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(tmp_path):
    def call(*arguments, **environment):
        nobody = dict.fromkeys(("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"), "")
        places = {"HOME": str(tmp_path / "home"), "KAGGLEHUB_CACHE": str(tmp_path / "cache")}
        places["KAGGLE_CONFIG_DIR"] = str(tmp_path / "home" / ".kaggle")
        stand_in = {"KAGGLE_API_ENVIRONMENT": "TEST", "NO_PROXY": "localhost"}
        return run_mien("fetch", *arguments, module="train", **{**nobody, **places, **stand_in, **environment})

    return call


def test_a_set_comes_whole_and_can_be_read(kaggle, fetch, tmp_path):
    kaggle.token = "mine"
    out = tmp_path / "data" / "my affectnet"
    done = fetch("affectnet", "--out", out, KAGGLE_API_TOKEN="mine")
    assert done.code == 0, done.err
    assert not done.err
    origin, hint = done.out.splitlines()[-2:]
    assert origin.startswith(f"mstjebashazida/affectnet is in {out}; its own terms apply")
    assert hint.endswith(f"mien train explore --data '{out}' --out look")
    faces = load_dataset(out, ("Training", "PublicTest"))
    assert {split: len(part) for split, part in faces.items()} == {"Training": 14, "PublicTest": 14}
    assert [p.name for p in out.parent.iterdir()] == [out.name]
    # The second time it comes from the cache, and does not overwrite.
    assert fetch("affectnet", "--out", tmp_path / "again", KAGGLE_API_TOKEN="mine").code == 0
    assert kaggle.downloads == 1
    rejected = fetch("affectnet", "--out", out, KAGGLE_API_TOKEN="mine")
    assert rejected.code == 2
    assert "is not empty" in rejected.error_line()


def test_numbered_folders_come_with_their_names(kaggle, fetch, tmp_path):
    done = fetch("affectnet-numbered", "--out", tmp_path / "data")
    assert done.code == 0, done.err
    origin, hint = done.out.splitlines()[-2:]
    assert origin.startswith("thienkhonghoc/affectnet is in ")
    assert hint.endswith(f"mien train explore --data {tmp_path / 'data'} --class-names affectnet --out look")


def test_a_public_set_needs_no_credentials_and_a_csv_is_named(kaggle, fetch, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("fer2013/fer2013.csv", "emotion,pixels,Usage\n")
        archive.writestr("fer2013/README", "x")
    kaggle.content = buffer.getvalue()
    done = fetch("fer2013", "--handle", "some/body")
    assert done.code == 0, done.err
    csv = tmp_path / "cache" / "datasets" / "some" / "body" / "versions" / "3" / "fer2013" / "fer2013.csv"
    assert csv.is_file()
    assert done.out.splitlines()[-1].endswith(f"--data {csv} --out look")


def test_without_credentials_one_line_names_what_is_missing(kaggle, fetch):
    kaggle.token = "mine"
    done = fetch("fer2013")
    assert done.code == 1
    line = done.error_line()
    for word in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME and KAGGLE_KEY", "kaggle.json", "kaggle.com/settings"):
        assert word in line
    assert "no Kaggle credentials" in line
    stale = fetch("fer2013", KAGGLE_API_TOKEN="old")
    assert stale.code == 1
    assert "rejects your credentials for msambare/fer2013 (403)" in stale.error_line()
    assert kaggle.downloads == 0


def test_a_broken_credentials_file_is_one_line(fetch, tmp_path):
    (tmp_path / "home" / ".kaggle").mkdir(parents=True)
    (tmp_path / "home" / ".kaggle" / "kaggle.json").write_text("{")
    done = fetch("fer2013")
    assert done.code == 1
    assert "cannot read Kaggle's credentials" in done.error_line()


@pytest.mark.parametrize(("status", "complaint"), [(404, "has no data set msambare/fer2013"), (500, "answered 500")])
def test_what_kaggle_answers_is_one_line(kaggle, fetch, status, complaint):
    kaggle.status = status
    done = fetch("fer2013", KAGGLE_API_TOKEN="mine")
    assert done.code == 1
    assert complaint in done.error_line()
    assert "credentials" not in done.error_line()


def test_a_cut_or_damaged_download_leaves_nothing_behind(kaggle, fetch, tmp_path):
    out = tmp_path / "out" / "set"
    kaggle.cut = True
    cut = fetch("fer2013", "--out", out)
    assert cut.code == 1
    assert "no connection to Kaggle" in cut.error_line()
    kaggle.cut, whole = False, kaggle.content
    kaggle.content = whole[:-200]
    damaged = fetch("fer2013", "--out", out)
    assert damaged.code == 1
    assert "is damaged" in damaged.error_line()
    assert not out.parent.exists()
    kaggle.content = whole
    assert fetch("fer2013", "--out", out).code == 0


def test_without_a_network_one_line_reports_it(fetch):
    with socket.socket() as taken:
        # Bound and not listened on: connections are rejected.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("localhost", PORT))
        except OSError as error:
            pytest.skip(f"port {PORT} is taken: {error}")
        done, nobody = fetch("fer2013", KAGGLE_API_TOKEN="mine"), fetch("fer2013")
    assert done.code == nobody.code == 1
    assert done.error_line().startswith("mien train: no connection to Kaggle (Connection refused)")
    assert "credentials" not in done.error_line()
    assert "there are no Kaggle credentials here" in nobody.error_line()


def test_wrong_use(fetch):
    assert "expected OWNER/NAME" in fetch("fer2013", "--handle", "fer2013").error_line()
    done = fetch("imagenet")
    assert done.code == 2
    assert "'fer2013', 'emotion-detection-fer', 'affectnet', 'affectnet-numbered'" in done.error_line()
