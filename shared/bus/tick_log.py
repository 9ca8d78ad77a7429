"""Reads the tick log: one Redis stream for each symbol, and a hash of heads; it never writes to them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import cast

import redis

from shared.domain.places import SEQUENCE_BITS, place_from_stream_id, stream_id
from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from shared.domain.timestamps import NS_PER_MS

HEADS = "ticks:heads"
PLACE = "place"
CONTRACT = ":contract"
PAGE = 2000
_FIELDS = {"gap": "g", "roll": "r"}
BACKWARD_PAGE = 10  # a tick is nearly always among the last few entries

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The end of the log at one moment: its highest place, and the last price tick of each symbol that has one.

    Rolls behind a tick have moved its price. `contracts`, known if all heads were read, are the dated symbols that
    continuous ones stand for in the log by now, as far as a roll said.
    """

    place: int
    ticks: Mapping[str, PriceTick] = field(default_factory=dict)
    contracts: Mapping[str, str] = field(default_factory=dict)


def read_heads(client: redis.Redis, symbols: Iterable[str] | None = None) -> Heads:
    """Read the heads of these symbols, or of all, as they stand together, in one round trip."""
    heads = _read_hash(client, symbols)
    ticks = {name: _head_tick(name, text) for name, text in heads.items() if name != PLACE and ":" not in name}
    contracts = {name.removesuffix(CONTRACT): text for name, text in heads.items() if name.endswith(CONTRACT)}
    return Heads(place=place_from_stream_id(heads.get(PLACE, "0")), ticks=ticks, contracts=contracts)


def head_price(text: str, *, through: int | None = None) -> Decimal:
    """Read the price in a symbol's head, moved by the rolls behind it, or by those of them at or before a place."""
    _, price, _, *rolls = text.split(" ")
    return sum((_difference(each, through) for each in rolls), Decimal(price))


def _difference(roll: str, through: int | None) -> Decimal:
    entry_id, difference = roll.split(":")
    return Decimal(difference) if through is None or read_place(entry_id) <= through else Decimal(0)


def last_place(client: redis.Redis) -> int:
    """The highest place in all logs; 0 while they are empty."""
    return place_from_stream_id(_field(client, PLACE))


def last_entry_places(client: redis.Redis, symbols: Iterable[str]) -> tuple[int, dict[str, int]]:
    """The highest place in all logs and the place of each symbol's last entry (0: none), at one moment."""
    names = list(symbols)
    place, *entries = cast("list[str | None]", client.hmget(HEADS, [PLACE, *(f"{name}:entry" for name in names)]))
    last = (place_from_stream_id(entry or "0") for entry in entries)
    return place_from_stream_id(place or "0"), dict(zip(names, last, strict=True))


def trimmed_through(client: redis.Redis, symbol: str) -> int:
    """The place of the last entry that retention removed, 0 if none: from there on the log is whole."""
    return place_from_stream_id(_field(client, f"{symbol}:trimmed"))


def mark_lost(symbol: str, *, after: int, through: int) -> GapMark:
    """Describe what retention removed between two places as a gap, by the clock of the places."""
    began, ended = after >> SEQUENCE_BITS, through >> SEQUENCE_BITS
    seconds = Decimal(ended - began).scaleb(-3)
    return GapMark(symbol=symbol, place=through, occurred_at=ended * NS_PER_MS, gap_seconds=seconds)


def read_entries(
    client: redis.Redis,
    symbol: str,
    *,
    after: int,
    through: int | None = None,
    while_reading: Callable[[], None] = lambda: None,
) -> list[LogEntry]:
    """Read all entries with after < place <= through, in order, and call `while_reading` after each page of them."""
    entries: list[LogEntry] = []
    while page := read_page(client, symbol, after=after, through=through):
        while_reading()
        entries += page
        after = page[-1].place
        if len(page) < PAGE:
            break
    return entries


def read_page(
    client: redis.Redis, symbol: str, *, after: int, through: int | None = None, count: int = PAGE
) -> list[LogEntry]:
    """Read the first `count` entries with after < place <= through."""
    last = "+" if through is None else stream_id(through)
    rows = cast("list[tuple[str, Fields]]", client.xrange(stream_of(symbol), f"({stream_id(after)}", last, count))
    return [_entry(symbol, entry_id, fields) for entry_id, fields in rows]


def last_price_at(client: redis.Redis, symbol: str, place: int, *, without: Collection[int] = ()) -> Decimal | None:
    """The symbol's last price at or before a place, moved by the rolls behind it, as far back as the log goes.

    A head whose tick retention removed still tells. Ticks at the places `without` are passed over.
    """
    stream, last, rolled = stream_of(symbol), stream_id(place), Decimal(0)
    with client.pipeline() as pipeline:
        pipeline.xrevrange(stream, last, "-", BACKWARD_PAGE)
        pipeline.hget(HEADS, symbol)
        rows, head = cast("tuple[list[tuple[str, Fields]], str | None]", pipeline.execute())
    while rows:
        for entry in (_entry(symbol, entry_id, fields) for entry_id, fields in rows):
            if isinstance(entry, PriceTick) and entry.place not in without:
                return entry.price + rolled
            if isinstance(entry, RollMark):
                rolled += entry.difference
        rows = cast("list[tuple[str, Fields]]", client.xrevrange(stream, f"({rows[-1][0]}", "-", BACKWARD_PAGE))
    if head is None:
        return None
    ticked_at = read_place(head.split(" ")[0])
    return head_price(head, through=place) if ticked_at <= place and ticked_at not in without else None


def stream_of(symbol: str) -> str:
    """The key of a symbol's stream, which is also the channel that rings for each of its entries."""
    return f"ticks:{symbol}"


@lru_cache(maxsize=4096)  # most are read twice: as an entry's own, and as that of the entry before the next
def read_place(entry_id: str) -> int:
    """Read an id that Redis wrote; it needs none of place_from_stream_id's checks, and this is the hot path."""
    milliseconds, _, sequence = entry_id.partition("-")
    return (int(milliseconds) << SEQUENCE_BITS) | int(sequence)


def read_message(symbol: str, message: str) -> tuple[int, LogEntry]:
    """Read what was published with an entry: the place of its predecessor (0: none), and the entry.

    The message carries no bid, ask and size; the stream does.
    """
    entry_id, previous_id, price, occurred_at = message.split(" ")
    if ":" in price:
        mark, _, number = price.partition(":")
        return read_place(previous_id), _entry(symbol, entry_id, {_FIELDS[mark]: number, "t": occurred_at})
    tick = PriceTick(symbol=symbol, place=read_place(entry_id), occurred_at=int(occurred_at), price=Decimal(price))
    return read_place(previous_id), tick


def _read_hash(client: redis.Redis, symbols: Iterable[str] | None) -> dict[str, str]:
    if symbols is None:
        return cast("dict[str, str]", client.hgetall(HEADS))
    names = [PLACE, *symbols]
    values = cast("list[str | None]", client.hmget(HEADS, names))
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _field(client: redis.Redis, name: str) -> str:
    return cast("str | None", client.hget(HEADS, name)) or "0"


def _head_tick(symbol: str, text: str) -> PriceTick:
    entry_id, _, occurred_at, *_ = text.split(" ")
    return PriceTick(symbol=symbol, place=read_place(entry_id), occurred_at=int(occurred_at), price=head_price(text))


def _entry(symbol: str, entry_id: str, fields: Fields) -> LogEntry:
    place, occurred_at = read_place(entry_id), int(fields["t"])
    if "g" in fields:
        return GapMark(symbol=symbol, place=place, occurred_at=occurred_at, gap_seconds=Decimal(fields["g"]))
    if "r" in fields:
        return RollMark(symbol=symbol, place=place, occurred_at=occurred_at, difference=Decimal(fields["r"]))
    if len(fields) == 2:  # noqa: PLR2004 - price and time alone, as most sources have it
        return PriceTick(symbol=symbol, place=place, occurred_at=occurred_at, price=Decimal(fields["p"]))
    bid, ask, size = (Decimal(fields[name]) if name in fields else None for name in "bas")
    return PriceTick(
        symbol=symbol, place=place, occurred_at=occurred_at, price=Decimal(fields["p"]), bid=bid, ask=ask, size=size
    )
