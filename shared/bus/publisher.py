"""Appends what a source says to the tick log and publishes it, exactly once; it never tries again by itself."""

from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from typing import cast

import redis
from redis.exceptions import ResponseError

from shared.bus.tick_log import HEADS, read_place
from shared.domain.quotes import Gap, Quote, Roll, SourceMessage

CLAIM = files("shared.bus").joinpath("claim.lua").read_text(encoding="utf-8")
PUBLISH = files("shared.bus").joinpath("publish.lua").read_text(encoding="utf-8")
MS_PER_SECOND = 1000
LEASE_MS = 3 * MS_PER_SECOND
TO_CLAIM = 0
NOTHING = "-"


class FencedPublisher(Exception):
    """Another publisher has taken over this source; what this one still says is not taken."""


class UnansweredBatch(Exception):
    """The last batch has had no answer: append_again() settles whether it arrived, before another can follow."""


class SourceLease:
    """One instance's right to publish a source, to be renewed within LEASE_MS; its epoch fences all before it."""

    def __init__(self, client: redis.Redis, source: str, instance: str) -> None:
        self._script = client.register_script(CLAIM)
        self._keys = [f"ticks:publisher:{source}", f"ticks:lease:{source}"]
        self._instance = instance

    def claim(self) -> int | None:
        """Take the source over and return the new epoch, or None while another instance holds it."""
        return self._run(LEASE_MS, TO_CLAIM)

    def renew(self, epoch: int) -> None:
        """Stay the publisher; raises FencedPublisher if another has taken over."""
        if self._run(LEASE_MS, epoch) is None:
            raise FencedPublisher

    def release(self, epoch: int) -> None:
        """Let another instance take over at once."""
        self._run(1, epoch)

    def _run(self, lease_ms: int, epoch: int) -> int | None:
        return cast("int | None", self._script(keys=self._keys, args=[self._instance, lease_ms, epoch]))


class TickPublisher:
    """The log's writer for one source, under the epoch that its lease gave it.

    Its client must not retry: a batch without an answer may or may not have been appended, and its number decides.
    """

    def __init__(self, client: redis.Redis, *, source: str, epoch: int, retention_seconds: int) -> None:
        self._script = client.register_script(PUBLISH)
        self._keys = [f"ticks:publisher:{source}", HEADS]
        self._epoch = epoch
        self._retention_ms = retention_seconds * MS_PER_SECOND
        self._sequence = 0
        self.unanswered = False

    def append(self, messages: Sequence[SourceMessage]) -> list[int]:
        """Append and publish a batch in one step; the places of its entries, in its order."""
        if self.unanswered:
            raise UnansweredBatch
        self._sequence += 1
        return self._send(messages)

    def append_again(self, messages: Sequence[SourceMessage]) -> list[int]:
        """Append under the number of the batch that had no answer, unless that one did arrive.

        `messages` are that batch, with gap marks in front where it has become late; the places are those of
        whichever of the two is in the log.
        """
        return self._send(messages)

    def _send(self, messages: Sequence[SourceMessage]) -> list[int]:
        self.unanswered = True
        entries = "\n".join(map(_line, messages))
        try:
            answer = self._script(keys=self._keys, args=[self._epoch, self._sequence, self._retention_ms, entries])
        except ResponseError as error:
            if str(error).startswith("FENCED"):
                raise FencedPublisher(str(error)) from error
            raise
        self.unanswered = False
        return [read_place(entry_id) for entry_id in str(answer).split()]

    def publish(
        self,
        symbol: str,
        price: Decimal,
        occurred_at: int,
        bid: Decimal | None = None,
        ask: Decimal | None = None,
        size: Decimal | None = None,
    ) -> int:
        """Append one price tick; its place."""
        quote = Quote(symbol=symbol, occurred_at=occurred_at, price=price, bid=bid, ask=ask, size=size)
        return self.append([quote])[0]

    def mark_gap(self, symbol: str, gap_seconds: Decimal, occurred_at: int) -> int:
        """Append one gap mark; its place."""
        return self.append([Gap(symbol=symbol, occurred_at=occurred_at, gap_seconds=gap_seconds)])[0]


def _line(message: SourceMessage) -> str:
    """Write an entry as publish.lua reads it."""
    symbol, occurred_at = message.symbol, message.occurred_at
    match message:
        case Quote():
            book = f"{_word(message.bid)} {_word(message.ask)} {_word(message.size)}"
            return f"{symbol} {occurred_at} {message.price:f} {book}"
        case Gap():
            return f"{symbol} {occurred_at} gap:{message.gap_seconds:f} - - -"
        case Roll():
            return f"{symbol} {occurred_at} roll:{message.difference:f} {message.contract or NOTHING} - -"


def _word(number: Decimal | None) -> str:
    return NOTHING if number is None else format(number, "f")
