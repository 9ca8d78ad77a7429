"""A recorder as it stands at this moment, with what is accepted but not applied yet; nothing of it is written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.web.backend import Backend
from shared.bus.connection import CONNECTION_LOST
from shared.bus.log_tape import LogTape
from shared.bus.tick_log import Heads, read_heads
from shared.catching_up.pending_signals import PendingSignals, read_pending
from shared.domain.contracts import Contract
from shared.domain.entry_history import EntryHistory, day_of
from shared.domain.fold import RecorderFold
from shared.domain.position import Position
from shared.store.audit_rows import begin_snapshot
from shared.store.contracts import contracts_in_force
from shared.store.database import Connection
from shared.store.entry_histories import load_entry_histories
from shared.store.positions import load_open_positions, load_places
from shared.store.recorders import Recorder
from shared.store.voiding import load_voided_ticks

NONE_REFUSED = 2**63 - 1  # an alert that waits for the database and might come before is not waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderNow:
    """What a recorder holds and what its filters ask of its past, each symbol's last price, the user's contracts."""

    held: Sequence[Position]
    history: EntryHistory | None
    prices: Mapping[str, Decimal]
    contracts: Mapping[str, Contract]


def look_at_recorder(backend: Backend, recorder: Recorder, *, now: int) -> RecorderNow:
    """Fold the rows of a recorder with its pending signals and the ticks up to now (ns, UTC).

    While Redis is away it is as its rows have it, and no price is known.
    """
    with backend.engine.connect() as connection:
        begin_snapshot(connection)
        contracts = contracts_in_force(connection, recorder.user_id).by_root
        stored = [each.position for each in load_open_positions(connection, recorder.id)]
        try:
            pending = read_pending(connection, backend.redis, {recorder.id: 0}, settled_through=NONE_REFUSED)
            voided = load_voided_ticks(connection, recorder.id)
            tape = LogTape(backend.redis, {} if voided else pending.prices, without=voided)
            fold = _fold_pending(connection, tape, recorder, pending, stored, now)
            heads = read_heads(backend.redis)
            for symbol in fold.positions:
                fold.advance(symbol, heads.place)
            prices = _last_prices(heads, tape, voided)
        except CONNECTION_LOST:
            history = _history(connection, recorder.id, [now])
            return RecorderNow(held=stored, history=history, prices={}, contracts=contracts)
    held = [moved[-1] for moved in fold.positions.values() if moved and moved[-1].is_open]
    return RecorderNow(held=held, history=fold.history, prices=prices, contracts=contracts)


def _fold_pending(
    connection: Connection,
    tape: LogTape,
    recorder: Recorder,
    pending: PendingSignals,
    stored: Iterable[Position],
    now: int,
) -> RecorderFold:
    signals = pending.by_recorder.get(recorder.id, [])
    places = load_places(connection, [recorder.id], whole=[recorder.id]) if signals else {}
    fold = RecorderFold(
        stored,
        {symbol: place for (_, symbol), place in places.items()},
        tape,
        _history(connection, recorder.id, [now, *(each.occurred_at for each in signals)]),
    )
    for accepted in signals:
        fold.apply(accepted)
    return fold


def _last_prices(heads: Heads, tape: LogTape, voided: Collection[int]) -> Mapping[str, Decimal]:
    """Return each symbol's last price, that of a tick that is not voided."""
    prices = {symbol: tick.price for symbol, tick in heads.ticks.items() if tick.place not in voided}
    for symbol in heads.ticks.keys() - prices:
        price = tape.last_price(symbol, through=heads.place)
        if price is not None:
            prices[symbol] = price
    return prices


def _history(connection: Connection, recorder_id: int, moments: Iterable[int]) -> EntryHistory | None:
    return load_entry_histories(connection, {recorder_id: set(map(day_of, moments))}).get(recorder_id)
