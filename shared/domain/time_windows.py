"""Times of day as settings hold them; time zones and the present time are not known here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from shared.domain.numbers import shown
from shared.domain.refusals import ValueRefused

CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A part of every day, over midnight where `stop` is before `start`."""

    start: time
    stop: time

    def contains(self, moment: time) -> bool:
        """Tell whether a time of day lies in the window: its start does, its stop does not."""
        if self.start < self.stop:
            return self.start <= moment < self.stop
        return moment >= self.start or moment < self.stop


def parse_clock(value: object) -> time:
    """Read `15:55`; raises ValueRefused."""
    clock = CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if not clock:
        raise ValueRefused(f"{shown(str(value))!r} is not a time of day such as 15:55")
    return time(int(clock[1]), int(clock[2]))


def parse_window(value: object) -> TimeWindow:
    """Read `{"start": "09:30", "stop": "16:00"}`; raises ValueRefused."""
    if not isinstance(value, Mapping) or set(value) != {"start", "stop"}:
        raise ValueRefused(f"{shown(str(value))!r} is not a window with start and stop")
    window = TimeWindow(start=parse_clock(value["start"]), stop=parse_clock(value["stop"]))
    if window.start == window.stop:
        raise ValueRefused(f"start and stop are both {format_clock(window.start)}")
    return window


def format_clock(moment: time) -> str:
    """Write a time of day as `09:30`."""
    return moment.strftime("%H:%M")
