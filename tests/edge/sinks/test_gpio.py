"""The sink that switches a pin, on gpiozero's own fake pins."""

import warnings
from dataclasses import replace

import pytest

from edge.errors import SinkError, WrongUseError
from edge.service.daemon import Daemon
from edge.service.settings import RunSettings
from edge.sinks import open_sink, open_sink_group, prepare_sink
from edge.types import Aggregate, SourceEvent
from tests.conftest import PORTRAIT
from tests.edge.made_events import made_event, made_report
from tests.edge.waiting import wait_until

gpiozero = pytest.importorskip("gpiozero", reason="no gpiozero: pip install 'mien[gpio]'")


@pytest.fixture
def pins(monkeypatch):
    """Fake pins: `pins(17)` is one of them."""
    from gpiozero.pins.mock import MockFactory

    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory.pin
    factory.reset()


def event(track_id, state="started", emotion="happy"):
    return made_event(state=state, emotion=emotion, track_id=track_id)


@pytest.mark.parametrize("active", ["high", "low"])
def test_the_pin_is_on_while_a_face_shows_the_expression(pins, active):
    with open_sink(f"gpio:17?when=happy,surprise&active={active}") as sink:
        pin = pins(17)
        assert pin.function == "output"
        steps = [
            (event(1, emotion="neutral"), False),
            (event(2), True),
            (event(1, "changed", "surprise"), True),
            (event(2, "ended"), True),
            (event(1, "changed", "sad"), False),
            (event(1, "changed", "happy"), True),
            (SourceEvent("clip", "online"), True),
            (Aggregate("clip", 60.0, 4, {"sad": 1.0}, "m@1"), True),
            (SourceEvent("clip", "stalled"), False),
            (event(3), True),
            (event(3, "ended"), False),
            (event(3, "ended"), False),
            (event(4), True),
        ]
        for message, is_on in steps:
            sink.write(message)
            assert pin.state == (is_on == (active == "high")), message
        switched = []
        pin._change_state = record(pin._change_state, switched)
    # Switched off first, and then released.
    assert switched[0] == (active == "low")
    assert pin.function == "input"


def record(method, values):
    def called(value):
        values.append(bool(value))
        return method(value)

    return called


def test_events_of_single_frames(pins):
    with open_sink("gpio:GPIO4?when=happy") as sink:
        pin = pins(4)
        for number, emotions, is_on in (
            (1, "hn", True),
            (2, "nn", False),
            (3, "nh", True),
            (4, "n", False),
            (5, "h", True),
        ):
            sink.write_frame(made_report(number, len(emotions)))
            for track_id, emotion in enumerate(emotions):
                name = "happy" if emotion == "h" else "neutral"
                sink.write(replace(made_event(number, "frame", name), track_id=track_id))
            assert pin.state == is_on
        # No event comes with a frame without faces.
        sink.write_frame(made_report(6, 0))
        assert not pin.state


def test_a_pulse_at_each_beginning(pins):
    with open_sink("gpio:17?when=happy&pulse=0.2s") as sink:
        pin = pins(17)
        for track_id in (1, 2):
            sink.write(event(track_id))
            assert pin.state
            wait_until(lambda: not pin.state, "the pulse ends")
            # A second face is no beginning.
            sink.write(event(track_id + 10))
            assert not pin.state
            for ended in (track_id, track_id + 10):
                sink.write(event(ended, "ended"))
            assert not pin.state


def test_closing_ends_a_pulse(pins):
    with open_sink("gpio:17?when=happy&pulse=1h") as sink:
        sink.write(event(1))
        pin = pins(17)
        assert pin.state
    assert not pin.state
    assert pin.function == "input"


def test_a_reload_keeps_or_reopens_the_pin(pins):
    with open_sink_group(["gpio:17?when=happy"]) as group:
        group.put(event(1))
        wait_until(lambda: pins(17).state, "it is on")
        group.exchange([prepare_sink("gpio:17?when=happy")])
        assert pins(17).state
        group.exchange([prepare_sink("gpio:17?when=sad")])
        assert not pins(17).state
        group.put(event(1, emotion="sad"))
        wait_until(lambda: pins(17).state, "it is on")


def test_a_daemon_switches_a_pin(pins, weights):
    states = []
    pins(17)._change_state = record(pins(17)._change_state, states)
    settings = RunSettings(source=str(PORTRAIT), sink=("gpio:17?when=happy,neutral,uncertain,sad",), emit="frame")
    with Daemon(settings) as daemon:
        list(daemon.steps())
    assert True in states
    assert states[-1] is False


def test_a_pin_that_fails_is_tried_again(pins):
    with open_sink("gpio:17?when=happy") as sink:
        pin = pins(17)
        method, pin._set_state = pin._set_state, fail
        for _ in range(2):
            with pytest.raises(SinkError, match="cannot switch the pin gpio:17: the chip is gone"):
                sink.write(event(1))
        pin._set_state = method
        sink.write(event(1))
        assert pin.state


def fail(_):
    raise OSError("the chip is gone")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("gpio:?when=happy", "expected gpio:PIN"),
        ("gpio:1 7?when=happy", "expected gpio:PIN"),
        ("gpio:17", "names no expression: expected when=happy"),
        ("gpio:17?when=,", "names with commas"),
        ("gpio:17?when=happy&active=up", "expected high or low"),
        ("gpio:17?when=happy&pulse=0", "at least 0.05 seconds"),
        ("gpio:17?wen=happy", "did you mean 'when'"),
        # Without the events that a filter leaves out, the pin would stay on.
        ("gpio:17?when=happy&state=started", "unknown option 'state'"),
    ],
)
def test_wrong_options(target, expected):
    with pytest.raises(WrongUseError, match=expected):
        prepare_sink(target)


def test_an_expression_that_the_model_does_not_have(pins, invoke):
    done = invoke("run", "--source", PORTRAIT, "--detector", "haar", "--sink", "gpio:17?when=hapy")
    assert done.code == 2
    assert done.err.strip().endswith("did you mean happy?")


def test_pins_that_cannot_be_opened(pins):
    with pytest.raises(SinkError, match="cannot open the pin gpio:99: 99 is not a valid pin name"):
        open_sink("gpio:99?when=happy")
    with open_sink("gpio:17?when=happy"), pytest.raises(SinkError, match="GPIO17 is already in use"):
        open_sink("gpio:BOARD11?when=happy")


def test_a_machine_without_pins(monkeypatch, invoke):
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-library")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = invoke("run", "--source", PORTRAIT, "--detector", "haar", "--sink", "gpio:17?when=happy")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "no GPIO pins for gpio:17: expected a Raspberry Pi with lgpio" in done.err
