"""TradingView's frames, `~m~LENGTH~m~PAYLOAD`, several to a message; what a payload means is not its business."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

MARK = "~m~"
BEGINNING = re.compile(r"~m~([0-9]{1,9})~m~")


class Frames(NamedTuple):
    """What one message holds; `damage` says why its rest was dropped, None if nothing was."""

    payloads: list[str]
    damage: str | None


def frame(payload: str) -> str:
    """Wrap a payload; its length counts UTF-16 units, as JavaScript does."""
    return f"{MARK}{_utf16_units(payload)}{MARK}{payload}"


def frame_call(method: str, arguments: Sequence[str]) -> str:
    """Wrap a call as compact JSON, all ASCII, so that nobody can count its length differently."""
    return frame(json.dumps({"m": method, "p": arguments}, separators=(",", ":")))


def split_frames(message: str) -> Frames:
    """Take a message apart by its lengths; never raises."""
    # A character is one unit unless it is beyond the basic plane; then all are made into units first.
    if message.isascii() or max(message) <= "\uffff":
        return _split(message)
    payloads, damage = _split(_with_surrogates(message))
    return Frames([_without_surrogates(payload) for payload in payloads], damage)


def _split(units: str) -> Frames:
    payloads: list[str] = []
    at = 0
    while at < len(units):
        beginning = BEGINNING.match(units, at)
        if beginning is None:
            return Frames(payloads, "no frame where one should begin")
        begin = beginning.end()
        at = begin + int(beginning[1])
        if at > len(units):
            return Frames(payloads, "a frame longer than its message")
        payloads.append(units[begin:at])
    return Frames(payloads, None)


def _utf16_units(text: str) -> int:
    return len(text) if text.isascii() else len(_with_surrogates(text))


def _with_surrogates(text: str) -> str:
    """Write every character beyond the basic plane as its two halves."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(low | high << 8) for low, high in zip(encoded[::2], encoded[1::2], strict=True))


def _without_surrogates(units: str) -> str:
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
