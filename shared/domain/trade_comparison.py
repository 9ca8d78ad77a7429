"""TradingView's list of trades laid beside the recorded trades: what pairs differ in, and what has no other half."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.listed_trades import ListedTrade
from shared.domain.timestamps import NS_PER_SECOND
from shared.domain.trade_matching import match_trades


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrade:
    """A recorded trade, closed or open, with its times in ns UTC; run-up and drawdown have no sign.

    They are incomplete where ticks were missed: the true ones may be larger.
    """

    id: int
    symbol: str
    direction: int
    quantity: int
    entry_price: Decimal
    entered_at: int
    exit_price: Decimal | None
    exited_at: int | None
    pnl: Decimal | None
    run_up: Decimal
    drawdown: Decimal
    incomplete: bool
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Up to where two trades are one, and up to where their values are equal; prices in points, money in currency.

    `excursions` None never takes a difference in run-up or drawdown for one that matters: TradingView knows bars only.
    """

    window_seconds: int = 900
    time_seconds: int = 60
    price: Decimal = Decimal(0)
    money: Decimal = Decimal("0.01")
    excursions: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The time in which both sides could have traded: entries from `since` through `until`, ns UTC."""

    since: int
    until: int

    def holds(self, trade: ListedTrade | RecordedTrade) -> bool:
        """Whether a trade was entered in it."""
        return self.since <= trade.entered_at <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value on both sides; `amount` is recorded less listed, times in seconds; `matters` beyond the tolerance."""

    field: str
    amount: Decimal
    matters: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedTrade:
    """One trade on both sides."""

    listed: ListedTrade
    recorded: RecordedTrade
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs that matters."""
        return not any(each.matters for each in self.differences)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeComparison:
    """Both lists beside each other: `missing` were not recorded, `extra` are not listed, the rest lies outside."""

    matched: tuple[MatchedTrade, ...]
    missing: tuple[ListedTrade, ...]
    extra: tuple[RecordedTrade, ...]
    listed_outside: int
    recorded_outside: int

    @property
    def agrees(self) -> bool:
        """Whether every trade has its other half, and nothing differs that matters."""
        return not self.missing and not self.extra and all(each.agrees for each in self.matched)


def compare_trades(
    listed: Sequence[ListedTrade], recorded: Sequence[RecordedTrade], tolerance: Tolerance, *, since: int
) -> TradeComparison:
    """Lay the lists beside each other, from `since` (ns, UTC) on and as far as the listed trades reach."""
    period = _common_period(listed, tolerance, since)
    lefts = [trade for trade in listed if period.holds(trade)]
    rights = [trade for trade in recorded if period.holds(trade)]
    pairs = match_trades(lefts, rights, tolerance.window_seconds * NS_PER_SECOND)
    paired_left, paired_right = {i for i, _ in pairs}, {j for _, j in pairs}
    return TradeComparison(
        matched=tuple(_matched(lefts[i], rights[j], tolerance) for i, j in pairs),
        missing=tuple(trade for i, trade in enumerate(lefts) if i not in paired_left),
        extra=tuple(trade for j, trade in enumerate(rights) if j not in paired_right),
        listed_outside=len(listed) - len(lefts),
        recorded_outside=len(recorded) - len(rights),
    )


def _common_period(listed: Iterable[ListedTrade], tolerance: Tolerance, since: int) -> Period:
    """From a window before the first listed trade to a window after the last thing that is listed."""
    window = tolerance.window_seconds * NS_PER_SECOND
    entries = [trade.entered_at for trade in listed]
    exits = [trade.exited_at for trade in listed if trade.exited_at is not None]
    if not entries:
        return Period(since=since, until=since - 1)
    return Period(since=max(since, min(entries) - window), until=max([*entries, *exits]) + window)


def _matched(listed: ListedTrade, recorded: RecordedTrade, tolerance: Tolerance) -> MatchedTrade:
    return MatchedTrade(listed=listed, recorded=recorded, differences=tuple(_differences(listed, recorded, tolerance)))


def _differences(listed: ListedTrade, recorded: RecordedTrade, tolerance: Tolerance) -> Iterator[Difference]:
    """Compare what both sides have; an exit that only one side has matters."""
    yield _difference("quantity", Decimal(recorded.quantity) - listed.quantity, Decimal(0))
    yield _difference("entry_time", _seconds(recorded.entered_at, listed.entered_at), Decimal(tolerance.time_seconds))
    yield _difference("entry_price", recorded.entry_price - listed.entry_price, tolerance.price)
    if (listed.exited_at is None) != (recorded.exited_at is None):
        yield Difference(field="still_open", amount=Decimal(1 if recorded.exited_at is None else -1), matters=True)
    if listed.exited_at is not None and recorded.exited_at is not None:
        seconds = _seconds(recorded.exited_at, listed.exited_at)
        yield _difference("exit_time", seconds, Decimal(tolerance.time_seconds))
    limits: dict[str, Decimal | None] = {"exit_price": tolerance.price}
    if listed.currency in (None, recorded.currency):  # amounts in two currencies do not compare
        limits |= {"pnl": tolerance.money, "run_up": tolerance.excursions, "drawdown": tolerance.excursions}
    for name, limit in limits.items():
        theirs, ours = getattr(listed, name), getattr(recorded, name)
        if theirs is not None and ours is not None:
            yield _difference(name, ours - theirs, limit)


def _seconds(later: int, earlier: int) -> Decimal:
    return Decimal(later - earlier) / NS_PER_SECOND


def _difference(field: str, amount: Decimal, limit: Decimal | None) -> Difference:
    return Difference(field=field, amount=amount, matters=limit is not None and abs(amount) > limit)
