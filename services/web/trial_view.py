"""What a tried alert would do, in words and cells for its page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from services.web.alert_trial import Tried
from services.web.formatting import NO_VALUE, Cell, format_number, format_price, result_cell
from services.web.held_view import HeldThen, held_words, view_held
from services.web.trade_view import REASONS
from services.web.trial_warnings import warnings_about
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.rehearsal import Rehearsal, RehearsedFill

VERDICTS = {"recorded": "Would be recorded", "ignored": "Would be ignored", "rejected": "Would be rejected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLine:
    """One fill: what it does, at which price, for which reason."""

    words: str
    price: str
    reason: str
    result: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """The answer of the tester."""

    status: str
    verdict: str
    why: str
    body: str
    last_price: str
    read: tuple[tuple[str, str], ...]
    before: str
    fills: tuple[FillLine, ...]
    after: tuple[HeldThen, ...]
    warnings: tuple[str, ...]


def view_trial(tried: Tried, settings: RecorderSettings, zone: ZoneInfo) -> TrialView:
    """Show what was tried, times in a zone."""
    rehearsal = tried.rehearsal
    applied = rehearsal.applied
    tick_sizes = _tick_sizes(rehearsal)
    return TrialView(
        status=applied.status,
        verdict=VERDICTS[applied.status],
        why="; ".join(filter(None, (applied.reason, applied.note))),
        body=tried.body,
        last_price=_last_price(tried, tick_sizes),
        read=tuple(_read(rehearsal, tick_sizes)),
        before=", ".join(held_words(each) for each in rehearsal.before) or "nothing",
        fills=tuple(_fill_line(each, rehearsal, tick_sizes) for each in rehearsal.fills),
        after=tuple(view_held(each, zone) for each in rehearsal.after),
        warnings=tuple(warnings_about(tried, settings)),
    )


def _tick_sizes(rehearsal: Rehearsal) -> Mapping[str, Decimal]:
    sizes = {each.symbol: each.contract.tick_size for each in (*rehearsal.before, *rehearsal.after)}
    instrument = rehearsal.acceptance.instrument if rehearsal.acceptance else None
    return sizes | ({instrument.symbol: instrument.contract.tick_size} if instrument else {})


def _last_price(tried: Tried, tick_sizes: Mapping[str, Decimal]) -> str:
    if tried.last_price is None:
        return "none yet"
    return format_price(tried.last_price, min(tick_sizes.values(), default=Decimal(1)))


def _read(rehearsal: Rehearsal, tick_sizes: Mapping[str, Decimal]) -> Iterable[tuple[str, str]]:
    if rehearsal.acceptance is None:
        return
    signal, instrument = rehearsal.acceptance.signal, rehearsal.acceptance.instrument
    yield "Symbol", instrument.symbol if instrument else "all that is held"
    yield "Action", signal.action.value.replace("_", " ").lower() if signal.action else NO_VALUE
    yield "Stated position", _stated(signal.market_position, signal.position_size)
    yield "Quantity", signal.quantity_text or NO_VALUE
    price = signal.price
    yield "Price", NO_VALUE if price is None else format_price(price, min(tick_sizes.values(), default=Decimal(1)))


def _stated(side: str | None, size: int | None) -> str:
    if size is None or side == "flat":
        return side or NO_VALUE
    return f"{side or ('long' if size > 0 else 'short')} {format_number(abs(size))}" if size else "flat"


def _fill_line(fill: RehearsedFill, rehearsal: Rehearsal, tick_sizes: Mapping[str, Decimal]) -> FillLine:
    verb = "Buys" if fill.quantity > 0 else "Sells"
    words = f"{verb} {format_number(abs(fill.quantity))} {fill.symbol}"
    price = format_price(fill.price, tick_sizes[fill.symbol])
    if fill.reason is None:
        return FillLine(words=words, price=price, reason="Entry", result=Cell(text=""))
    closed = [each for each in rehearsal.trades if each.symbol == fill.symbol and each.exit_price == fill.price]
    booked = sum((each.pnl for each in closed if each.pnl is not None), Decimal(0))
    reason = REASONS[fill.reason.value]
    return FillLine(words=words, price=price, reason=f"Exit: {reason.lower()}", result=result_cell(booked))
