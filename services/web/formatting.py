"""How numbers, times and durations read, on pages and in live cells alike; it decides no layout."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from shared.domain.numbers import plain

MINUS = "\N{MINUS SIGN}"
AT_LEAST = "\N{GREATER-THAN OR EQUAL TO}\N{NO-BREAK SPACE}"
AT_MOST = "\N{LESS-THAN OR EQUAL TO}\N{NO-BREAK SPACE}"
NO_VALUE = "\N{EN DASH}"
CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 86400
SHOW_TENTHS_BELOW_SECONDS = 10

_CENT = Decimal("0.01")
_SMALL_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value as it is shown: its text, its tone (`profit`, `loss`, `zero` or none) and what explains it."""

    text: str
    tone: str = ""
    reason: str = ""


def format_money(amount: Decimal, currency: str = "USD") -> str:
    """Write an amount to the cent without a plus sign: `$1,234.50`."""
    digits = _to_the_cent(abs(amount))
    sign = MINUS if amount < 0 and digits != "0.00" else ""
    symbol = CURRENCY_SIGNS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits}\N{NO-BREAK SPACE}{currency}"


def format_result(amount: Decimal, currency: str = "USD") -> str:
    """Write a profit or loss to the cent with its sign: `+$1,234.50`; zero has none."""
    return f"+{format_money(amount, currency)}" if amount > 0 else format_money(amount, currency)


def result_cell(amount: Decimal | None, currency: str = "USD", reason: str = "") -> Cell:
    """Make the cell of a profit or loss; an undefined one is a dash with its reason."""
    if amount is None:
        return Cell(text=NO_VALUE, reason=reason)
    return Cell(text=format_result(amount, currency), tone=tone_of(amount), reason=reason)


def tone_of(amount: Decimal) -> str:
    """Name the tone of an amount; the sign in its text says the same."""
    if amount == 0:
        return "zero"
    return "profit" if amount > 0 else "loss"


def drawdown_cell(worst: Decimal, currency: str = "USD", *, ticks_seen: int, gap_seconds: Decimal) -> Cell:
    """Make the cell of a drawdown, positive; one that missed something is a lower bound and says what it missed."""
    text = format_money(abs(worst), currency)
    missed = what_was_missed(ticks_seen, gap_seconds)
    return Cell(text=f"{AT_LEAST}{text}" if missed else text, reason=missed)


def what_was_missed(ticks_seen: int, gap_seconds: Decimal) -> str:
    """Say in words why extremes are incomplete; empty when they are complete."""
    if gap_seconds > 0:
        return f"{format_duration(gap_seconds)} missed"
    return "saw no tick" if ticks_seen == 0 else ""


def format_price(price: Decimal, tick_size: Decimal) -> str:
    """Write a price with the decimals of its tick size; one off the grid keeps all of its own."""
    decimals = max(decimals_of(tick_size), decimals_of(price))
    return _signed(f"{price:,.{decimals}f}")


def format_mean_price(price: Decimal, tick_size: Decimal) -> str:
    """Write an average of prices, rounded to the decimals of the tick size."""
    return _signed(f"{_rounded(price, decimals_of(tick_size)):,f}")


def decimals_of(number: Decimal) -> int:
    """Count the decimals that a number needs: 0.25 needs 2, 0.10 needs 1."""
    _, _, fraction = plain(number).partition(".")
    return len(fraction)


def format_percent(ratio: Decimal) -> str:
    """Write a ratio in per cent with one decimal: 0.625 is `62.5 %`."""
    return _signed(f"{_rounded(ratio * 100, 1):f}\N{NO-BREAK SPACE}%")


def format_ratio(ratio: Decimal) -> str:
    """Write a ratio with two decimals: `1.85`."""
    return _signed(f"{_rounded(ratio, 2):,f}")


def format_number(number: Decimal | int) -> str:
    """Write a number as it is, thousands grouped, without trailing zeros."""
    return _signed(f"{Decimal(plain(Decimal(number))):,f}")


def format_duration(seconds: Decimal | float) -> str:
    """Write a length of time in its two largest units: `5 ms`, `51 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    exact = max(Decimal(str(seconds)), Decimal(0))
    if exact < 1:
        return _milliseconds(exact * 1000)
    if exact < SHOW_TENTHS_BELOW_SECONDS:
        return f"{plain(exact.quantize(Decimal('0.1'), rounding='ROUND_DOWN'))} s"
    whole = int(exact)
    if whole < SECONDS_PER_MINUTE:
        return f"{whole} s"
    if whole < SECONDS_PER_HOUR:
        return _two_units(whole, SECONDS_PER_MINUTE, "min", 1, "s")
    if whole < SECONDS_PER_DAY:
        return _two_units(whole, SECONDS_PER_HOUR, "h", SECONDS_PER_MINUTE, "min")
    return _two_units(whole, SECONDS_PER_DAY, "d", SECONDS_PER_HOUR, "h")


def format_between(start: datetime | None, end: datetime | None) -> str:
    """Write how long after `start` `end` came; a clock that ran ahead gives a minus sign."""
    if start is None or end is None:
        return NO_VALUE
    seconds = (end - start).total_seconds()
    return f"{MINUS}{format_duration(-seconds)}" if seconds < 0 else format_duration(seconds)


def format_time(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment in a zone to the second: `2026-11-22 14:05:09`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def time_element(moment: datetime | None, zone: ZoneInfo) -> Markup:
    """Write a moment as a `<time>` element in a zone, with UTC to the microsecond in `datetime` and as its hint."""
    if moment is None:
        return Markup("{}").format(NO_VALUE)
    stamp = moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    local = moment.astimezone(zone)
    element = Markup('<time datetime="%sZ" title="%s UTC"><span class="day">%s</span> %s</time>')
    return element % (stamp, stamp.replace("T", " "), f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}")


def clock_element(moment: datetime, zone: ZoneInfo) -> Markup:
    """Write a moment as time_element does, without the day: for what happened just now."""
    return Markup('<time datetime="{}" title="{}">{:%H:%M:%S}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        format_time(moment, zone),
        moment.astimezone(zone),
    )


def cell_element(cell: Cell, live: str = "") -> Markup:
    """Write a value as an element; with a name of a live cell it is kept up to date."""
    given = (("data-live", live), ("data-tone", cell.tone), ("title", cell.reason))
    attributes = Markup("").join(Markup(' %s="%s"') % each for each in given if each[1])
    return Markup('<span class="live"%s>%s</span>') % (attributes, cell.text)


def explained_element(cell: Cell, live: str = "") -> Markup:
    """Write a value as an element, and its reason below it."""
    if not cell.reason and not live:
        return cell_element(cell)
    name = Markup(' data-live="%s.reason"') % live if live else ""
    return cell_element(cell, live) + Markup('<span class="sub"%s>%s</span>') % (name, cell.reason)


def filters() -> dict[str, Callable[..., Any]]:
    """List the functions above as Jinja filters."""
    return {
        "money": format_money,
        "result": format_result,
        "result_cell": result_cell,
        "price": format_price,
        "mean_price": format_mean_price,
        "percent": format_percent,
        "ratio": format_ratio,
        "number": format_number,
        "duration": format_duration,
        "time": time_element,
        "clock": clock_element,
    }


def _to_the_cent(amount: Decimal) -> str:
    """Round to the cent; an amount that would vanish keeps its first two digits."""
    cents = amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)
    if cents == 0 and amount != 0:
        return f"{amount.quantize(Decimal(1).scaleb(amount.adjusted() - _SMALL_DIGITS + 1)):f}"
    return f"{cents:,f}"


def _rounded(number: Decimal, decimals: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)


def _signed(text: str) -> str:
    """Give a number a true minus sign, and zero none."""
    if not text.startswith("-"):
        return text
    return text.replace("-", MINUS if any(digit in text for digit in "123456789") else "", 1)


def _milliseconds(milliseconds: Decimal) -> str:
    if milliseconds == 0:
        return "0 ms"
    return f"{int(milliseconds)} ms" if milliseconds >= 1 else "under 1 ms"


def _two_units(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    count, rest = divmod(whole, large)
    small_count = rest // small
    return f"{count} {large_name} {small_count} {small_name}" if small_count else f"{count} {large_name}"
