"""Reads what venues write: JSON of a known shape, numbers exactly; what it means is the adapters' business."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any

import msgspec

from services.price_feed.sources.venue import Heard, Trouble
from shared.domain.timestamps import from_datetime

MOST_DIGITS = 30  # before or after the point
SHOWN_CHARACTERS = 120


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Unreadable(Exception):
    """A message has not the shape that it should have."""


class Exact(msgspec.Struct):
    """A part of a message whose decimals are numbers of a size that one can calculate with."""

    def __post_init__(self) -> None:
        """Refuse NaN, infinities and numbers like 1E+999999."""
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= MOST_DIGITS):
                raise ValueError(field)


def decode(text: str | msgspec.Raw, kind: Any) -> Any:
    """Read JSON as a value of a type, which may be a union; raises Unreadable."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError) as error:
        raise Unreadable from error


def in_ns(moment: datetime | None) -> int | None:
    """Convert a venue's time, which it need not tell."""
    return None if moment is None else from_datetime(moment)


def unreadable(venue: str, message: str) -> Heard:
    """Say that a message was dropped, and show its beginning."""
    sentence = f"{venue} says what is not understood: {message[:SHOWN_CHARACTERS]}"
    return Heard(troubles=[Trouble(kind="unreadable", sentence=sentence)])


def batches(names: Collection[str], size: int) -> Iterator[list[str]]:
    """Part names, sorted, into lists of at most `size`."""
    rest = iter(sorted(names))
    while batch := list(islice(rest, size)):
        yield batch


def joined(parts: Iterable[Heard]) -> Heard:
    """Join what the parts of a message came to."""
    all_parts = list(parts)
    if len(all_parts) == 1:
        return all_parts[0]
    return Heard(
        replies=[each for part in all_parts for each in part.replies],
        quotes=[each for part in all_parts for each in part.quotes],
        troubles=[each for part in all_parts for each in part.troubles],
        missed=[each for part in all_parts for each in part.missed],
        alive=[each for part in all_parts for each in part.alive],
    )
