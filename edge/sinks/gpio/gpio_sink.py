"""The sink `gpio:PIN?when=happy`: a lamp, a relay or anything else at a pin of a Raspberry Pi.

PIN is the number as Broadcom counts, or one of the other names that gpiozero knows (`GPIO17`, `BOARD11`). The pin is on
while at least one face in view shows one of the expressions `when=happy,surprise`, and off otherwise; when the sink is
closed, it is switched off and released. With `pulse=2s` it is on for that time at each beginning instead. `active=low`
is for what is on while the pin is low.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from edge.errors import SinkError, WrongUseError, first_line
from edge.sinks.faces_in_view import FacesInView
from edge.sinks.sink import Requirement, Sink
from edge.sinks.sink_uri import SinkUri
from edge.types import FrameReport, Message

_SHORTEST_PULSE_S, _LONGEST_PULSE_S = 0.05, 3600.0


class GpioSink(Sink):
    """Switches one pin by gpiozero.

    Args:
        pin: its number or name.
        when: the expressions for which it is on.
        active_high: whether it is high when it is on.
        pulse_s: how long it is on at each beginning, in seconds; None for as long as the expression is shown.

    Raises:
        SinkError: there is no such pin, it is in use, or this machine has none.
    """

    usage = "gpio:PIN?when=happy"
    options = ("when", "active", "pulse")
    expression_options = ("when",)
    requirement = Requirement("gpio", "gpiozero", "gpiozero")
    wants_frames = True
    # Without the event that a face has left, the pin would stay on.
    has_filter = False

    def __init__(self, pin: str, when: Sequence[str], active_high: bool = True, pulse_s: float | None = None) -> None:
        self._pin, self._when, self._pulse_s = pin, frozenset(when), pulse_s
        self._faces, self._is_shown = FacesInView(), False
        self._device = self._open(active_high)

    @classmethod
    def prepare(cls, uri: SinkUri) -> Callable[[], GpioSink]:
        """See `Sink.prepare`; the pin is not opened yet."""
        if not re.fullmatch(r"[A-Za-z0-9:]{1,20}", uri.target):
            raise uri.invalid_target("gpio:PIN?when=happy, with the number of a pin, such as 17")
        when = uri.names("when")
        if not when:
            raise WrongUseError(f"sink {uri.name} names no expression: expected when=happy, or several with commas")
        active = uri.options.get("active", "high")
        if active not in ("high", "low"):
            raise uri.invalid_option("active", "high or low")
        pulse_s = uri.duration_s("pulse", 0.0, _SHORTEST_PULSE_S, _LONGEST_PULSE_S)
        return partial(cls, uri.target, when, active == "high", pulse_s or None)

    def write(self, message: Message) -> None:
        """Switch the pin, if the message changes what is shown.

        Raises:
            SinkError: the pin cannot be switched at the moment.
        """
        self._faces.add(message)
        self._switch()

    def write_frame(self, report: FrameReport) -> None:
        """Switch the pin off, if there are no faces any more."""
        self._faces.add_frame(report, time.monotonic())
        self._switch()

    def close(self) -> None:
        """Switch the pin off, and release it."""
        try:
            self._device.off()
            self._device.close()
        except Exception as error:
            raise self._error("switch off", error) from error

    def _switch(self) -> None:
        is_shown = self._faces.shows(self._when)
        if is_shown == self._is_shown:
            return
        try:
            if self._pulse_s is None:
                self._device.value = is_shown
            elif is_shown:
                # A pulse that goes on is begun again; gpiozero ends it in a thread of its own.
                self._device.blink(self._pulse_s, 0, n=1)
        # Whatever the library of the pins raises: gpiozero passes it on.
        except Exception as error:
            raise self._error("switch", error) from error
        self._is_shown = is_shown

    def _open(self, active_high: bool) -> Any:
        import gpiozero

        try:
            with warnings.catch_warnings():
                # A line for each library that is not installed, until one is found.
                warnings.simplefilter("ignore")
                return gpiozero.DigitalOutputDevice(
                    int(self._pin) if self._pin.isdecimal() else self._pin, active_high=active_high
                )
        except gpiozero.BadPinFactory as error:
            raise SinkError(
                f"no GPIO pins for gpio:{self._pin}: expected a Raspberry Pi with lgpio (apt install python3-lgpio), "
                "and access to /dev/gpiochip*"
            ) from error
        except Exception as error:
            raise self._error("open", error) from error

    def _error(self, what: str, error: Exception) -> SinkError:
        return SinkError(f"cannot {what} the pin gpio:{self._pin}: {first_line(error)}")
