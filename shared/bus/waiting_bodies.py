"""Bodies of alerts that wait in Redis, in the order in which they came, until Postgres can store them.

A stream, so that each has an id of its own and a time by the clock of the tick log. Redis appends it to its file
before it answers.
"""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import redis

from shared.domain.places import SEQUENCE_BITS, place_from_stream_id
from shared.domain.timestamps import NS_PER_MS, NS_PER_US, to_datetime

WAITING = "intake:waiting"
MOST_BYTES = 256 * 1024 * 1024
_US_PER_MS = 1_000


class WaitingListFull(Exception):
    """So many bodies wait already that Redis would run out of memory with more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertBody:
    """One request with an alert as it came: for whom by the hash of its token, and `place` in the tick log then."""

    intake_id: UUID
    token_hash: bytes
    body: bytes
    received_at: datetime
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingBody:
    """A body that waits under the id of its entry; `accepted_at` rises strictly from one to the next."""

    entry_id: str
    accepted_at: datetime
    alert: AlertBody


def keep_waiting(client: redis.Redis, *alerts: AlertBody) -> None:
    """Append bodies in their order, in one step; raises WaitingListFull.

    The client must not retry: nothing would be lost, but stored twice.
    """
    if (client.memory_usage(WAITING) or 0) > MOST_BYTES:
        raise WaitingListFull
    with client.pipeline() as pipeline:
        for alert in alerts:
            pipeline.xadd(WAITING, _fields(alert))  # type: ignore[arg-type] # its type of fields is invariant
        pipeline.execute()


def count_waiting(client: redis.Redis) -> int:
    """Count the bodies that wait."""
    return client.xlen(WAITING)


def newest_waiting(client: redis.Redis) -> WaitingBody | None:
    """Read the body that came last, if any waits."""
    rows = cast("list[tuple[str, dict[str, str]]]", client.xrevrange(WAITING, count=1))
    return _waiting(*rows[0]) if rows else None


def oldest_waiting(client: redis.Redis, count: int) -> list[WaitingBody]:
    """Read the first `count` bodies that wait."""
    rows = cast("list[tuple[str, dict[str, str]]]", client.xrange(WAITING, count=count))
    return [_waiting(entry_id, fields) for entry_id, fields in rows]


def remove_waiting(client: redis.Redis, bodies: Collection[WaitingBody]) -> None:
    """Remove bodies that are stored."""
    client.xdel(WAITING, *(each.entry_id for each in bodies))


def _waiting(entry_id: str, fields: dict[str, str]) -> WaitingBody:
    alert = AlertBody(
        intake_id=UUID(fields["intake_id"]),
        token_hash=bytes.fromhex(fields["token_hash"]),
        body=base64.b64decode(fields["body"]),
        received_at=datetime.fromisoformat(fields["received_at"]),
        place=int(fields["place"]),
    )
    return WaitingBody(entry_id=entry_id, accepted_at=_moment(entry_id), alert=alert)


def _fields(alert: AlertBody) -> dict[str, str]:
    return {
        "intake_id": alert.intake_id.hex,
        "token_hash": alert.token_hash.hex(),
        "body": base64.b64encode(alert.body).decode(),
        "received_at": alert.received_at.isoformat(),
        "place": str(alert.place),
    }


def _moment(entry_id: str) -> datetime:
    """The entry's time, with its number in that millisecond as microseconds."""
    place = place_from_stream_id(entry_id)
    milliseconds, number = place >> SEQUENCE_BITS, place & ((1 << SEQUENCE_BITS) - 1)
    return to_datetime(milliseconds * NS_PER_MS + min(number, _US_PER_MS - 1) * NS_PER_US)
