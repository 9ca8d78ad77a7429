"""Fills and what they leave behind: lots, trades and the legs of a position; values only, no decisions."""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

LONG = 1
SHORT = -1


class ExitReason(StrEnum):
    """Why a trade was closed."""

    TP = "tp"
    SL = "sl"
    TRAIL = "trail"
    BREAK_EVEN = "break_even"
    SIGNAL = "signal"
    REVERSAL = "reversal"
    SESSION_END = "session_end"
    MANUAL = "manual"


class Fill(Struct, frozen=True, kw_only=True, gc=False):
    """A simulated execution of `quantity` > 0 contracts at one price; an entry has no reason."""

    quantity: int
    price: Decimal
    occurred_at: int
    reason: ExitReason | None = None
    signal_id: int | None = None


class Lot(Struct, frozen=True, kw_only=True, gc=False):
    """What is still open of one entry.

    `lowest` and `highest` are the extreme prices from the entry to the start of the position's current stretch;
    `ticks_before` is what the position had seen when the lot was entered, `rolled` the sum of the rolls since.
    """

    number: int
    quantity: int
    entry_price: Decimal
    entered_at: int
    lowest: Decimal
    highest: Decimal
    ticks_before: int = 0
    gap_seconds: Decimal = Decimal(0)
    rolled: Decimal = Decimal(0)
    signal_id: int | None = None


class Trade(Struct, frozen=True, kw_only=True, gc=False):
    """One lot, or the part of it that one exit closed; money in the contract's currency.

    `target_price` is the nearest target and `stop_price` the stop that stand, or stood when it was closed. While the
    lot is open the exit, `pnl`, `pnl_ticks` and `commission` are None and the extremes are those so far.
    """

    lot: int
    symbol: str
    direction: int
    quantity: int
    entry_price: Decimal
    entered_at: int
    max_favorable: Decimal
    max_adverse: Decimal
    worst_price: Decimal
    ticks_seen: int
    gap_seconds: Decimal
    rolled: Decimal = Decimal(0)
    target_price: Decimal | None = None
    stop_price: Decimal | None = None
    entry_signal_id: int | None = None
    exit_price: Decimal | None = None
    exited_at: int | None = None
    exit_reason: ExitReason | None = None
    pnl: Decimal | None = None
    pnl_ticks: Decimal | None = None
    commission: Decimal | None = None


class Leg(Struct, frozen=True, kw_only=True, gc=False):
    """A stretch of a position between two fills.

    Its results are realized so far plus unrealized, after commission so far, at the lowest and highest.
    """

    number: int
    quantity: int
    realized_before: Decimal
    lowest_result: Decimal
    highest_result: Decimal
    started_at: int
    ended_at: int
