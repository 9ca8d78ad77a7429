"""What an alert would do: read, judged and applied by the code that does it in earnest, on positions nobody keeps."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from shared.domain.acceptance import Acceptance, accept_body
from shared.domain.accounting import open_position
from shared.domain.application import AcceptedSignal, Applied
from shared.domain.contracts import Contract
from shared.domain.entry_history import EntryHistory
from shared.domain.entry_rules import rules_for_entry
from shared.domain.fold import RecorderFold
from shared.domain.overrides import NO_OVERRIDES
from shared.domain.position import Position
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.refusals import SignalRefused
from shared.domain.symbols import ResolvedSymbol
from shared.domain.ticks import LogEntry
from shared.domain.trades import LONG, SHORT, ExitReason, Fill, Trade

REHEARSED_ID = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingMarket:
    """A tape without a tick, on which symbols stand at a price."""

    prices: Mapping[str, Decimal]

    def entries(self, symbol: str, *, after: int, through: int) -> Sequence[LogEntry]:  # noqa: ARG002 - a Tape's
        """Nothing happens on it."""
        return ()

    def last_price(self, symbol: str, *, through: int) -> Decimal | None:  # noqa: ARG002 - a Tape's
        """Return the price that the symbol stands at; None if it was never seen."""
        return self.prices.get(symbol)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What an alert meets at a moment (ns, UTC): open positions, each symbol's last price, what filters ask for."""

    held: Sequence[Position]
    last_prices: Mapping[str, Decimal]
    occurred_at: int
    contracts: Mapping[str, Contract]
    history: EntryHistory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedFill:
    """A fill that the alert would cause; `quantity` is negative where it sells, an entry has no reason."""

    symbol: str
    quantity: int
    price: Decimal
    reason: ExitReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would become of an alert, `acceptance` None where the body is no signal; `after` has what is held then."""

    applied: Applied
    acceptance: Acceptance | None = None
    before: tuple[Position, ...] = ()
    after: tuple[Position, ...] = ()
    fills: tuple[RehearsedFill, ...] = ()
    trades: tuple[Trade, ...] = ()


def rehearse(body: bytes | str, settings: RecorderSettings, scene: Scene) -> Rehearsal:
    """Tell what a body would do to a recorder; nothing is kept of it."""
    try:
        accepted = accept_body(body, settings, received_at=scene.occurred_at, contracts=scene.contracts)
    except SignalRefused as refusal:
        return Rehearsal(applied=Applied(status="rejected", reason=refusal.reason))
    held = tuple(replace(position, trades=()) for position in scene.held)
    fold = RecorderFold(held, {}, StandingMarket(prices=scene.last_prices), scene.history)
    fold.apply(_accepted(accepted, settings, scene))
    moved = [position for moves in fold.positions.values() for position in moves]
    trades = tuple(trade for position in moved for trade in position.trades)
    return Rehearsal(
        applied=fold.verdicts[-1].applied,
        acceptance=accepted,
        before=held,
        after=tuple(position for position in moved if position.is_open),
        fills=(*_exits(trades), *_entries(moved)),
        trades=trades,
    )


def suppose_held(
    instrument: ResolvedSymbol, settings: RecorderSettings, *, held: int, price: Decimal, last_price: Decimal | None
) -> Position:
    """Make up a position of `held` contracts (negative: short) entered at a price, with the settings' exits standing.

    None of its levels counts as passed, wherever the last price is.
    """
    fill = Fill(quantity=abs(held), price=price, occurred_at=0)
    rules = rules_for_entry(settings, NO_OVERRIDES, price, None)
    direction = LONG if held > 0 else SHORT
    position = open_position(fill, instrument, direction=direction, rules=rules, place=0, last_price=None)
    return replace(position, last_price=last_price)


def _accepted(acceptance: Acceptance, settings: RecorderSettings, scene: Scene) -> AcceptedSignal:
    instrument = acceptance.instrument
    return AcceptedSignal(
        id=REHEARSED_ID,
        signal=acceptance.signal,
        symbol=instrument.symbol if instrument else None,
        contract=instrument.contract if instrument else None,
        settings=settings,
        place=max((position.place for position in scene.held), default=0),
        occurred_at=scene.occurred_at,
    )


def _exits(trades: Iterable[Trade]) -> list[RehearsedFill]:
    """Put the trades that one fill closed together again."""
    sizes: Counter[tuple[str, Decimal, ExitReason]] = Counter()
    for trade in trades:
        if trade.exit_price is not None and trade.exit_reason is not None:
            sizes[trade.symbol, trade.exit_price, trade.exit_reason] -= trade.direction * trade.quantity
    return [
        RehearsedFill(symbol=symbol, quantity=quantity, price=price, reason=reason)
        for (symbol, price, reason), quantity in sizes.items()
    ]


def _entries(positions: Iterable[Position]) -> list[RehearsedFill]:
    return [
        RehearsedFill(symbol=each.symbol, quantity=each.direction * lot.quantity, price=lot.entry_price, reason=None)
        for each in positions
        for lot in each.lots
        if lot.signal_id == REHEARSED_ID
    ]
