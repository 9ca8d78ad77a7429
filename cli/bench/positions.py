"""Open positions as a market full of strategies holds them: stops, targets, trailing, break-even; long and short."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import msgspec

from shared.contracts_file import packaged_contracts
from shared.domain.accounting import open_position
from shared.domain.exit_rules import BreakEvenRule, Distance, ExitRules, TargetRule, TrailRule
from shared.domain.money import exact
from shared.domain.position import Position
from shared.domain.symbols import ResolvedSymbol
from shared.domain.trades import LONG, SHORT, Fill
from shared.store.position_rows import JSON_COLUMNS, position_from_row, position_values

TICK = Decimal("0.25")
MIDDLE = Decimal(20000)  # prices begin here, and a market in a bench stays within NEAR_TICKS of it
NEAR_TICKS = 200
NEAREST_EXIT_TICKS, FURTHEST_EXIT_TICKS = 500, 2000
OPENED_AT = 1_795_000_000_000_000_000


def varied_positions(symbol: str, count: int, *, place: int = 1) -> Iterator[Position]:
    """Open positions whose exits lie beyond NEAR_TICKS: two targets and a stop, of every third one trailing."""
    rng = Random(symbol)  # noqa: S311 - the same ones in every run
    for number in range(count):
        price = MIDDLE + rng.randint(-NEAR_TICKS, NEAR_TICKS) * TICK
        yield opened(symbol, price, _rules(number, rng), direction=rng.choice((LONG, SHORT)), place=place)


def opened(symbol: str, price: Decimal, rules: ExitRules, *, direction: int = LONG, place: int = 1) -> Position:
    """Open a position of three contracts."""
    with exact():
        return open_position(
            Fill(quantity=3, price=price, occurred_at=OPENED_AT),
            ResolvedSymbol(symbol=symbol, contract=packaged_contracts()["MNQ"]),
            direction=direction,
            rules=rules,
            place=place,
            last_price=price,
        )


def as_loaded(position: Position, count: int) -> Iterator[Position]:
    """Make a position `count` times as if each came out of the database: none shares its numbers with another."""
    with exact():
        values = position_values(position)
    json = {name: msgspec.json.encode(value).decode() for name, value in values.items() if name in JSON_COLUMNS}
    texts = {name: str(value) for name, value in values.items() if isinstance(value, Decimal)}
    for _ in range(count):
        row = values | json | {name: Decimal(text) for name, text in texts.items()}
        yield position_from_row(row, position.contract)  # type: ignore[arg-type] # a row reads like a dict


def ticks_away(count: int) -> Distance:
    """Return a distance in ticks."""
    return Distance(kind="ticks", value=Decimal(count))


def _rules(number: int, rng: Random) -> ExitRules:
    away = [ticks_away(rng.randint(NEAREST_EXIT_TICKS, FURTHEST_EXIT_TICKS)) for _ in range(3)]
    trail = TrailRule(trigger_ticks=Decimal(0), step_ticks=rng.randint(1, 4))
    break_even = BreakEvenRule(trigger_ticks=Decimal(FURTHEST_EXIT_TICKS), offset_ticks=Decimal(1))
    return ExitRules(
        stop=away[0],
        targets=(TargetRule(distance=away[1], trim=Decimal(1)), TargetRule(distance=away[2])),
        trail=trail if number % 3 == 0 else None,
        break_even=break_even if number % 3 == 1 else None,
    )
