"""Rows taken out of a record, taken back into it, and given another outcome; why is decided elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, null, select, text, update

from shared.store.settling import unsettle_positions
from shared.store.signals import LoggedSignal
from shared.store.tables import recorded_signals, recorded_trades, recorder_positions, recorders

p, t, s = recorder_positions.c, recorded_trades.c, recorded_signals.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where something begins to differ: the number of the first signal from there on, and the lowest place."""

    sequence: int
    place: int


def load_signals(connection: Connection, recorder_id: int, signal_ids: Collection[int]) -> list[LoggedSignal]:
    """Load those of some signals that the recorder has taken."""
    columns = [s[name] for name in LoggedSignal.__slots__]
    taken = s.id == func.any(sorted(signal_ids)), s.recorder_id == recorder_id, s.sequence.is_not(None)
    return [LoggedSignal(**row) for row in connection.execute(select(*columns).where(*taken)).mappings()]


def load_voided_ticks(connection: Connection, recorder_id: int) -> frozenset[int]:
    """Load the places of the ticks that are to a recorder as though they had never been."""
    places = select(recorders.c.voided_ticks).where(recorders.c.id == recorder_id)
    return frozenset(connection.execute(places).scalar() or ())


def find_moment(connection: Connection, recorder_id: int, sequences: Collection[int], ticks: Collection[int]) -> Moment:
    """Find the moment before all of these signals, by their numbers, and ticks, by their places."""
    first = connection.execute(
        _FIRST, {"recorder_id": recorder_id, "sequences": sorted(sequences), "ticks": sorted(ticks)}
    ).one()
    return Moment(sequence=first.sequence, place=min(place for place in (first.place, *ticks) if place is not None))


def void_positions(connection: Connection, position_ids: Collection[int], voided_by: int) -> None:
    """Take positions out of the record, with their trades; what they were stays to be seen."""
    _set_positions(connection, position_ids, {"status": "voided", "voided_by": voided_by})
    its_trades = update(recorded_trades).where(t.position_id == func.any(sorted(position_ids)))
    connection.execute(its_trades.values(status="voided", voided_by=voided_by, updated_at=func.clock_timestamp()))


def revive_positions(connection: Connection, position_ids: Collection[int]) -> None:
    """Take voided positions back into the record."""
    as_it_was = case((p.closed_at.is_(None), "open"), else_="closed")
    _set_positions(connection, position_ids, {"status": as_it_was, "voided_by": null()})
    its_trades = update(recorded_trades).where(t.position_id == func.any(sorted(position_ids)))
    as_it_was = case((t.exit_time.is_(None), "open"), else_="closed")
    connection.execute(its_trades.values(status=as_it_was, voided_by=None, updated_at=func.clock_timestamp()))


def mark_positions(connection: Connection, position_ids: Collection[int], voided_by: int | None) -> None:
    """Take positions out of every total, or with None back into them; what the logs lead to stays as it is."""
    _set_positions(connection, position_ids, {"voided_by": voided_by})
    its_trades = update(recorded_trades).where(t.position_id == func.any(sorted(position_ids)))
    connection.execute(its_trades.values(voided_by=voided_by, updated_at=func.clock_timestamp()))


def positions_entered_by(connection: Connection, signal_id: int) -> Mapping[int, str]:
    """Return the status of the positions that have an entry by a signal, by id."""
    entered = select(t.position_id).where(t.signal_id == signal_id)
    rows = connection.execute(select(p.id, p.status).where(p.id.in_(entered), p.status != "voided"))
    return {row.id: row.status for row in rows}


def positions_marked_by(connection: Connection, correction_ids: Collection[int]) -> list[int]:
    """Return the positions that some corrections marked."""
    marked = select(p.id).where(p.voided_by == func.any(sorted(correction_ids)), p.status != "voided")
    return list(connection.execute(marked).scalars())


def voided_positions(connection: Connection, recorder_id: int, opened_by: Collection[int]) -> list[int]:
    """Return the voided positions that some signals, by their numbers, had opened."""
    wanted = p.recorder_id == recorder_id, p.opened_by == func.any(sorted(opened_by)), p.status == "voided"
    return list(connection.execute(select(p.id).where(*wanted).order_by(p.id)).scalars())


def revise_outcomes(connection: Connection, revised: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Give signals that are applied another outcome."""
    names = ("status", "reason", "note", "entry", "place")
    if revised:
        statement = (
            update(recorded_signals)
            .where(s.id == bindparam("signal_id"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
        rows = [{"signal_id": each} | {f"new_{name}": said[name] for name in names} for each, said in revised]
        connection.execute(statement, rows)


def note_correction(
    connection: Connection, recorder_id: int, *, signal_id: int, marked: bool, ticks: Collection[int], place: int
) -> None:
    """Note which ticks have never been for a recorder, and how far this correction of it went."""
    connection.execute(
        update(recorders)
        .where(recorders.c.id == recorder_id)
        .values(voided_ticks=sorted(ticks), corrected_through=func.greatest(recorders.c.corrected_through, place))
    )
    if marked:
        connection.execute(update(recorded_signals).where(s.id == signal_id).values(marked=True))


def _set_positions(connection: Connection, position_ids: Collection[int], values: Mapping[str, Any]) -> None:
    """Change positions, each a version further, so that nobody writes to them what they had read before."""
    now = func.clock_timestamp()
    statement = update(recorder_positions).where(p.id == func.any(sorted(position_ids)))
    connection.execute(statement.values(**values, version=p.version + 1, changed_at=now, updated_at=now))
    unsettle_positions(connection, position_ids)


_FIRST = text(
    """
    WITH first AS (
        SELECT min(sequence) AS sequence FROM recorded_signals
        WHERE recorder_id = :recorder_id AND sequence IS NOT NULL
          AND (sequence = ANY(CAST(:sequences AS bigint[]))
               OR place >= (SELECT min(tick) FROM unnest(CAST(:ticks AS bigint[])) tick))
    )
    SELECT coalesce(first.sequence, 9223372036854775806) AS sequence, (
        SELECT min(place) FROM recorded_signals WHERE recorder_id = :recorder_id AND sequence >= first.sequence
    ) AS place
    FROM first
    """
)
