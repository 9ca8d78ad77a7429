"""Which trailing stops a price reaches, without looking at the others; it does not know what happens then.

Prices are seen so that up is favourable, as in `trail`: a book holds the stops of one side.
"""

from bisect import bisect_left
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappop, heappush
from typing import Generic, TypeVar

from shared.domain.level_book import EVERY_PRICE
from shared.domain.trail import Trail

Key = TypeVar("Key", bound=Hashable)

_SLACK = 64


@dataclass(slots=True, eq=False)
class _Member(Generic[Key]):
    """A stop; `stop` is its level while it is pinned: the price fell by its distance, but not by a step's rest more."""

    key: Key
    trail: Trail
    reach: Decimal
    stop: Decimal | None = None


@dataclass(slots=True, eq=False)
class _Bucket(Generic[Key]):
    """The stops that saw the same best price, nearest first; those whose exact level is watched are pinned."""

    best: Decimal
    nearest: list[tuple[Decimal, int, _Member[Key]]] = field(default_factory=list)
    pinned: list[_Member[Key]] = field(default_factory=list)

    @property
    def alarm(self) -> Decimal | None:
        """The price from which on a stop of this bucket may be reached."""
        return self.best - self.nearest[0][0] if self.nearest else None


class TrailingBook(Generic[Key]):
    """Stops that follow the best price each of them saw, in buckets of equal best prices.

    As on a stack of maxima, a new best price merges the buckets that saw less: it is one assignment however many stops
    there are. No stop is computed before the price fell from the best one by its distance. So a tick that reaches
    nobody's level costs four comparisons, and each merge O(log n) for a stop of the smaller bucket. A stop that still
    stands where it was planned, nearer than its distance, is not watched here: it is a level like others.
    """

    def __init__(self) -> None:
        self._clear()

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, key: Key) -> bool:
        return key in self._members

    @property
    def quiet_above(self) -> Decimal:
        """The price above which, up to `best`, nothing is reached and nothing moves; perhaps higher than need be."""
        alarm = self._buckets[-1].alarm if self._buckets else None
        watched = [heap[0][0].copy_negate() for heap in (self._alarms, self._pinned) if heap]
        return max(watched if alarm is None else [alarm, *watched], default=-EVERY_PRICE)

    @property
    def best(self) -> Decimal:
        """The best price so far that stops follow; a better one moves them."""
        return self._buckets[-1].best if self._buckets else EVERY_PRICE

    def add(self, key: Key, best: Decimal, trail: Trail) -> None:
        """Set the stop of `key`, which saw `best` so far."""
        if self._pushed > 8 * len(self._members) + _SLACK:
            self._drop_stale()
        member = self._members[key] = _Member(key=key, trail=trail, reach=trail.reach)
        bucket = self._bucket_of(best)
        heappush(bucket.nearest, (member.reach, self._next(), member))
        if bucket is not self._buckets[-1] and bucket.nearest[0][2] is member:
            self._watch(bucket)

    def remove(self, key: Key) -> None:
        """Forget `key`; one that is not here is no error."""
        self._members.pop(key, None)

    def reached(self, price: Decimal) -> list[Key]:
        """Take out and return the keys whose stops, as they stand before it, a price reaches; let the others follow."""
        keys: list[Key] = []
        self._fall(price, keys)
        if self._buckets and self._buckets[-1].best < price:
            self._rise(price)
        return keys

    def _clear(self) -> None:
        self._members: dict[Key, _Member[Key]] = {}
        self._buckets: list[_Bucket[Key]] = []  # best price first: a new one merges those at the end
        self._alarms: list[tuple[Decimal, int, _Bucket[Key]]] = []  # negated; of all buckets but the last
        self._pinned: list[tuple[Decimal, int, _Member[Key]]] = []  # negated
        self._pushed = 0

    def _next(self) -> int:
        self._pushed += 1  # breaks ties, so that keys need no order
        return self._pushed

    def _fall(self, price: Decimal, keys: list[Key]) -> None:
        while self._buckets and _is_alarmed(self._buckets[-1], price):
            self._look_at_nearest(self._buckets[-1], price, keys)
        while self._alarms and self._alarms[0][0].copy_negate() >= price:
            alarm, _, bucket = heappop(self._alarms)
            if bucket.alarm == alarm.copy_negate() and bucket is not self._buckets[-1]:
                self._look_at_nearest(bucket, price, keys)
                self._watch(bucket)
        while self._pinned and self._pinned[0][0].copy_negate() >= price:
            stop, _, member = heappop(self._pinned)
            if member.stop == stop.copy_negate() and self._is_held(member):
                self._take(member, keys)

    def _look_at_nearest(self, bucket: _Bucket[Key], price: Decimal, keys: list[Key]) -> None:
        member = heappop(bucket.nearest)[2]
        if not self._is_held(member):
            return
        member.stop = member.trail.stop_at(bucket.best)
        if price <= member.stop:
            self._take(member, keys)
        else:
            bucket.pinned.append(member)
            heappush(self._pinned, (member.stop.copy_negate(), self._next(), member))

    def _rise(self, price: Decimal) -> None:
        merged = self._buckets.pop()
        while self._buckets and self._buckets[-1].best <= price:
            merged = self._merge(merged, self._buckets.pop())
        merged.best = price
        pinned, merged.pinned = merged.pinned, []
        for member in pinned:
            member.stop = None
            heappush(merged.nearest, (member.reach, self._next(), member))
        self._buckets.append(merged)

    def _merge(self, one: _Bucket[Key], other: _Bucket[Key]) -> _Bucket[Key]:
        small, large = (one, other) if len(one.nearest) < len(other.nearest) else (other, one)
        for entry in small.nearest:
            heappush(large.nearest, entry)
        large.pinned += small.pinned
        small.nearest, small.pinned = [], []
        return large

    def _bucket_of(self, best: Decimal) -> _Bucket[Key]:
        index = bisect_left(self._buckets, best.copy_negate(), key=lambda bucket: bucket.best.copy_negate())
        if index < len(self._buckets) and self._buckets[index].best == best:
            return self._buckets[index]
        if index == len(self._buckets) and self._buckets:
            self._watch(self._buckets[-1])
        self._buckets.insert(index, _Bucket(best=best))
        return self._buckets[index]

    def _watch(self, bucket: _Bucket[Key]) -> None:
        alarm = bucket.alarm
        if alarm is not None:
            heappush(self._alarms, (alarm.copy_negate(), self._next(), bucket))

    def _is_held(self, member: _Member[Key]) -> bool:
        return self._members.get(member.key) is member

    def _take(self, member: _Member[Key], keys: list[Key]) -> None:
        keys.append(member.key)
        del self._members[member.key]

    def _drop_stale(self) -> None:
        buckets, held = self._buckets, self._members
        self._clear()
        for bucket in buckets:
            for member in [*(entry[2] for entry in bucket.nearest), *bucket.pinned]:
                if held.get(member.key) is member:
                    self.add(member.key, bucket.best, member.trail)


def _is_alarmed(bucket: _Bucket[Key], price: Decimal) -> bool:
    alarm = bucket.alarm
    return alarm is not None and price <= alarm
