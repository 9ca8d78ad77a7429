"""Moves alerts that waited in Redis while Postgres was away into Postgres: in their order, each once."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial

from msgspec.structs import replace
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from shared.bus.connection import BusError, RedisClient
from shared.bus.waiting_bodies import WaitingBody, newest_waiting, oldest_waiting, remove_waiting
from shared.domain.application import INTERNAL_ERROR
from shared.intake.acceptance import ACCEPTED, REJECTED, Directory, accept_alert, storable, unread_row
from shared.intake.addressees import AddressBook, find_addressee
from shared.intake.contract_cache import ContractCache
from shared.logs import log_event
from shared.store.signal_intake import NewSignal, find_stored, insert_signal, insert_signals, lock_moving

AT_ONCE = 500
UNSTORABLE = (DataError, IntegrityError)

logger = logging.getLogger(__name__)
_contracts = ContractCache()


def store_waiting(engine: Engine, log: RedisClient) -> int:
    """Store every body that waits by now, and return how many; raises where Postgres or Redis is away.

    Those that come meanwhile are left to the next call: under load they would never end. Whoever is interrupted leaves
    bodies waiting that are stored already: their intake ids tell.
    """
    newest = newest_waiting(log)
    if newest is None:
        return 0
    stored = 0
    while moved := _move(engine, log, AT_ONCE):
        stored += len(moved)
        if moved[-1].accepted_at >= newest.accepted_at:
            break
    log_event(logger, "waiting_alerts_stored", count=stored)
    return stored


def _move(engine: Engine, log: RedisClient, count: int) -> Sequence[WaitingBody]:
    """Store the oldest `count` bodies; one that cannot be stored as it is stands alone, and holds up no other."""
    bodies: Sequence[WaitingBody] = ()
    try:
        with engine.begin() as connection:
            lock_moving(connection)
            bodies = oldest_waiting(log, count)
            insert_signals(connection, list(_rows(connection, _not_stored(connection, bodies))))
    except BusError:
        raise
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and not isinstance(error, UNSTORABLE):
            raise  # it is the database's fault, and not the body's
        if count > 1:
            return [one for _ in bodies for one in _move(engine, log, 1)]
        logger.exception("waiting_alert_failed")
        with engine.begin() as connection:
            _store_rejected(connection, bodies[0], error)
    if bodies:
        remove_waiting(log, bodies)
    return bodies


def _not_stored(connection: Connection, bodies: Sequence[WaitingBody]) -> list[WaitingBody]:
    """Leave out what somebody stored and did not remove, because they were cut off or are about to."""
    stored = find_stored(connection, {each.alert.intake_id: each.accepted_at for each in bodies})
    return [each for each in bodies if each.alert.intake_id not in stored]


def _rows(connection: Connection, bodies: Sequence[WaitingBody]) -> Iterator[NewSignal]:
    """Give the row of each body as of when it was accepted, under the settings in force then."""
    book = AddressBook(connection, {each.alert.token_hash for each in bodies})
    contracts_of = partial(_contracts.contracts, connection)
    for each in bodies:
        alert = each.alert
        addressee = book.find(alert.token_hash, alert.received_at)
        if addressee is None:
            log_event(logger, "waiting_alert_for_nobody", level=logging.WARNING, received_at=alert.received_at)
            continue
        then = Directory(find_named=partial(book.find_named, at=alert.received_at), contracts_of=contracts_of)
        accepted = accept_alert(addressee, alert.body, then, received_at=alert.received_at, intake_id=alert.intake_id)
        row = replace(accepted.row, accepted_at=each.accepted_at)
        yield replace(row, place=alert.place) if row.status == ACCEPTED else row


def _store_rejected(connection: Connection, waiting: WaitingBody, error: Exception) -> None:
    alert = waiting.alert
    addressee = find_addressee(connection, alert.token_hash)
    if addressee is None:
        return
    row = unread_row(addressee, alert.body, received_at=alert.received_at, intake_id=alert.intake_id)
    reason = storable(f"{INTERNAL_ERROR}: {error!r}")
    insert_signal(connection, replace(row, status=REJECTED, reason=reason))
