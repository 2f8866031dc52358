"""The API over real sockets."""

import http.client
import json
import logging
import threading
import time
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")
pytest.importorskip("starlette", reason="pip install 'mien[preview]'")
jsonschema = pytest.importorskip("jsonschema", reason="pip install jsonschema")

from edge.events import EventBuilder  # noqa: E402
from edge.inference.contract import FER2013_LABELS  # noqa: E402
from edge.preview import Preview  # noqa: E402
from edge.preview.event_stream import CAPACITY, MAX_CLIENTS  # noqa: E402
from edge.system.login_attempts import MAX_FAILURES  # noqa: E402
from edge.types import UNCERTAIN, SourceEvent, Tracks  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.edge.preview.conftest import made_frame, made_report, made_track, wait_for  # noqa: E402

TOKEN = "a-long-enough-token-1"
DESCRIPTION = json.loads((ROOT / "edge" / "preview" / "openapi.json").read_text())


@contextmanager
def request(preview, path, **headers):
    """The answer to a GET; its body can be read while the server sends it."""
    connection = http.client.HTTPConnection("127.0.0.1", int(preview.url.rpartition(":")[2].rstrip("/")), timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        yield connection.getresponse()
    finally:
        connection.close()


def get(preview, path, **headers):
    """Status, headers and JSON."""
    with request(preview, path, **headers) as answer:
        return answer.status, answer.headers, json.loads(answer.read())


def state_of(preview):
    """The state, which follows the document."""
    status, _, state = get(preview, "/api/v1/state")
    assert status == 200
    jsonschema.validate(state, {"$ref": "#/components/schemas/State", "components": DESCRIPTION["components"]})
    return state


def made_event(track=None):
    builder = EventBuilder("frame", "made", FER2013_LABELS, "made@1")
    (event,) = builder.build(made_frame(0), Tracks([track or made_track()], []), {"total": 1.0})
    return event


def next_event(answer):
    """Name and data of the next event of a stream."""
    name = ""
    while True:
        line = answer.readline().decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))


def test_the_state_is_what_the_last_frame_shows():
    with Preview("127.0.0.1", 0) as preview:
        nothing = {"name": None, "state": None, "reason": ""}
        assert state_of(preview) == {"source": nothing, "frame": None, "faces": None, "counts": None}
        preview.camera().put(SourceEvent("made", "online"))
        tracks = [made_track(3, (10, 20, 30, 40)), made_track(4), made_track(7, class_id=UNCERTAIN)]
        preview.camera().publish(made_frame(5), tracks, made_report(5, 3), FER2013_LABELS)
        state = state_of(preview)
        assert state["source"] == {"name": "made", "state": "online", "reason": ""}
        assert (state["frame"]["index"], state["frame"]["size"]) == (5, [640, 480])
        assert [face["id"] for face in state["faces"]] == [3, 4, 7]
        assert state["faces"][0]["box"] == [10, 20, 30, 40]
        assert [face["expression"] for face in state["faces"]] == ["happy", "happy", "uncertain"]
        assert state["faces"][2]["score"] == pytest.approx(0.9)
        assert state["counts"] == {**dict.fromkeys(FER2013_LABELS, 0), "happy": 2, "uncertain": 1}
        preview.camera().put(SourceEvent("made", "stalled", "no frame for 20 s"))
        state = state_of(preview)
        assert (state["source"]["state"], state["source"]["reason"]) == ("stalled", "no frame for 20 s")
        assert state["faces"] is None


def test_events_are_streamed_as_sinks_get_them_until_the_daemon_ends():
    event, source = made_event(), SourceEvent("made", "offline", "unplugged")
    with Preview("127.0.0.1", 0) as preview, request(preview, "/api/v1/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        wait_for(lambda: preview._events._clients, "the client")
        for message in (event, source):
            preview.camera().put(message)
        assert next_event(answer) == ("face", event.as_dict())
        assert next_event(answer) == ("source", source.as_dict())
        ending = threading.Thread(target=preview.__exit__, args=(None, None, None))
        ending.start()
        assert answer.read().strip() == b""
        ending.join()


def test_a_slow_client_learns_how_much_it_has_missed_and_delays_nobody():
    event = made_event()
    with Preview("127.0.0.1", 0) as preview, request(preview, "/api/v1/events") as answer:
        wait_for(lambda: preview._events._clients, "the client")
        (client,) = preview._events._clients
        sent = 0
        while not client.lost:
            preview.camera().put(event)
            sent += 1
            if sent % CAPACITY == 0:
                time.sleep(0.001)
        got = lost = 0
        while got + lost < sent:
            name, data = next_event(answer)
            lost, got = (lost + data, got) if name == "lost" else (lost, got + 1)
        assert lost > 0
        assert got + lost == sent


def test_a_client_that_leaves_is_forgotten_and_there_are_not_too_many(caplog):
    with Preview("127.0.0.1", 0) as preview:
        clients = [request(preview, "/api/v1/events") for _ in range(MAX_CLIENTS)]
        for client in clients:
            assert client.__enter__().status == 200
        wait_for(lambda: len(preview._events._clients) == MAX_CLIENTS, "all clients")
        status, headers, error = get(preview, "/api/v1/events")
        assert (status, error) == (429, {"error": "too many clients are connected"})
        assert int(headers["Retry-After"]) > 0
        for client in clients:
            client.__exit__(None, None, None)

        def are_forgotten():
            preview.camera().put(made_event())
            return not preview._events._clients

        wait_for(are_forgotten, "no client")
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_token_is_a_bearer_token_and_wrong_ones_are_limited():
    right = {"Authorization": f"Bearer {TOKEN}"}
    with Preview("127.0.0.1", 0, TOKEN) as preview:
        for path in ("/api/v1/state", "/api/v1/events", "/api/v1/openapi.json"):
            status, headers, error = get(preview, path)
            assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "a token is needed" in error["error"]
        assert get(preview, "/api/v1/state", **right)[0] == 200
        assert get(preview, "/api/v1/openapi.json", **right)[2] == DESCRIPTION
        for _ in range(MAX_FAILURES - 1):
            assert get(preview, "/api/v1/state", Authorization="Bearer wrong")[0] == 401
        status, headers, error = get(preview, "/api/v1/state", Authorization="Bearer wrong")
        assert (status, 0 < int(headers["Retry-After"]) <= 60) == (429, True)
        # A right guess is not acknowledged now.
        assert get(preview, "/api/v1/state", **right)[0] == 429


def test_a_page_of_another_site_gets_nothing_on_loopback():
    with Preview("127.0.0.1", 0) as preview, request(preview, "/api/v1/state", Host="evil.example") as answer:
        assert answer.status == 421


def test_every_path_and_schema_of_the_document_is_real():
    from starlette.routing import Route

    from edge.preview.api import Api

    routes = Api(None, None, None, "").routes()
    assert {route.path for route in routes if isinstance(route, Route)} == set(DESCRIPTION["paths"])
    for schema in DESCRIPTION["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_each_camera_has_its_own_state():
    with Preview("127.0.0.1", 0, cameras=("hall", "kitchen")) as preview:
        preview.camera("kitchen").put(SourceEvent("kitchen", "stalled", "no frame for 20 s"))
        tracks = [made_track(3)]
        preview.camera("hall").publish(made_frame(5), tracks, made_report(5, 1), FER2013_LABELS)
        # The first one, where none is named.
        assert state_of(preview)["frame"]["index"] == 5
        assert get(preview, "/api/v1/state?camera=kitchen")[2]["source"]["state"] == "stalled"
        status, _, answer = get(preview, "/api/v1/cameras")
        assert status == 200
        schema = DESCRIPTION["paths"]["/api/v1/cameras"]["get"]["responses"]["200"]["content"]["application/json"]
        jsonschema.validate(answer, {**schema["schema"], "components": DESCRIPTION["components"]})
        assert [state["source"]["state"] for state in answer["cameras"]] == [None, "stalled"]
        for path in ("/api/v1/state?camera=attic", "/api/v1/events?camera=attic"):
            status, _, answer = get(preview, path)
            assert (status, answer["error"]) == (404, "no such camera: expected one of hall, kitchen")


def test_the_stream_of_one_camera():
    with (
        Preview("127.0.0.1", 0, cameras=("hall", "kitchen")) as preview,
        request(preview, "/api/v1/events?camera=kitchen") as answer,
    ):
        assert answer.readline() == b": mien\n"
        preview.camera("hall").put(SourceEvent("hall", "online"))
        preview.camera("kitchen").put(SourceEvent("kitchen", "offline", "unplugged"))
        name, event = next_event(answer)
        assert (name, event["source"], event["reason"]) == ("source", "kitchen", "unplugged")
