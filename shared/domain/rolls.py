"""Which dated contract stands behind a continuous symbol at a moment.

A contract is left on its roll day, at the start of that trading day (18:00 in New York on the eve). The calendar
decides, not the volume: other programs may roll a day or a week earlier or later.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice

from shared.domain import expiries
from shared.domain.refusals import ValueRefused
from shared.domain.symbols import CONTINUOUS, MONTH_CODES
from shared.domain.timestamps import NS_PER_SECOND, to_datetime
from shared.domain.trading_day import trading_day

QUARTERS = "HMUZ"
SUFFIX = len("1!")
DATED_SUFFIX = len("Z2026")
DATED = re.compile(rf"[{MONTH_CODES}]20[0-9]{{2}}")
UNSURE_NS = 14 * 24 * 3600 * NS_PER_SECOND
CANDIDATE_YEARS = 6  # MNQ9! of four contracts a year lies more than two years ahead


@dataclass(frozen=True, slots=True)
class RollRule:
    """The months that are traded, the day that matters of each, and how long before it the contract is left."""

    months: str
    end: Callable[[int, int], date]
    business_days: int = 0
    calendar_days: int = 0

    def roll_day(self, year: int, month: int) -> date:
        """Find the trading day that is the first one of the next contract."""
        end = self.end(year, month) - timedelta(days=self.calendar_days)
        return expiries.business_days_before(end, self.business_days) if self.business_days else end


EQUITY_INDEX = RollRule(QUARTERS, expiries.third_friday, calendar_days=4)  # the Monday: CME's lead month since 2022
NIKKEI = RollRule(QUARTERS, expiries.second_friday, calendar_days=4)
CURRENCY = RollRule(QUARTERS, expiries.third_wednesday, calendar_days=6)  # the Thursday of the week before the last
RATES = RollRule(QUARTERS, expiries.last_business_day_before, business_days=2)
CRUDE = RollRule(MONTH_CODES, expiries.crude_last_trading_day, business_days=3)
GAS = RollRule(MONTH_CODES, expiries.gas_last_trading_day, business_days=3)
FUELS = RollRule(MONTH_CODES, expiries.last_business_day_before, business_days=5)
COIN = RollRule(MONTH_CODES, expiries.last_friday, business_days=2)


def _before_notice(months: str) -> RollRule:
    """Make the rule of what is delivered: left two business days before its first notice day."""
    return RollRule(months, expiries.last_business_day_before, business_days=2)


def _soft(months: str) -> RollRule:
    """Make the rule of what New York delivers, whose notices begin up to two weeks before the month."""
    return RollRule(months, expiries.delivery_month, business_days=12)


_RULES = (
    ("ES MES NQ MNQ RTY M2K YM MYM", EQUITY_INDEX),
    ("NKD", NIKKEI),
    ("6E 6B 6J 6A 6C 6S 6N 6M M6E M6A M6B DX", CURRENCY),
    ("ZB UB ZN TN ZF ZT", RATES),
    ("CL MCL QM", CRUDE),
    ("NG QG", GAS),
    ("HO RB", FUELS),
    ("BTC MBT ETH MET", COIN),
    ("GC MGC", _before_notice("GJMQZ")),
    ("SI SIL HG MHG", _before_notice("HKNUZ")),
    ("PL", _before_notice("FJNV")),
    ("PA", _before_notice(QUARTERS)),
    ("ZC ZW", _before_notice("HKNUZ")),
    ("ZS", _before_notice("FHKNX")),
    ("ZM ZL", _before_notice("FHKNZ")),
    ("LE", _before_notice("GJMQVZ")),
    ("HE", _before_notice("GJMNQVZ")),
    ("GF", _before_notice("FHJKQUVX")),
    ("KC CC", _soft("HKNUZ")),
    ("CT", _soft("HKNZ")),
    ("SB", RollRule("HKNV", expiries.last_business_day_before, business_days=5)),
)
RULES: Mapping[str, RollRule] = {root: rule for roots, rule in _RULES for root in roots.split()}


def dated_symbol(symbol: str, root: str, at: int, front_months: Mapping[str, str]) -> str | None:
    """Return `MNQZ2026` for `MNQ1!` at a moment (ns, UTC), and a dated symbol as it is.

    `front_months` names the front contract of roots (`{"MNQ": "MNQZ2026"}`) where the calendar is not to decide. None
    for a root without a rule.
    """
    suffix = symbol.removeprefix(root)
    if not CONTINUOUS.fullmatch(suffix):
        return symbol if suffix else None
    chosen = front_months.get(root)
    if chosen is None:
        return _nth_contract(root, trading_day(to_datetime(at)), int(suffix[0]))
    return _nth_after(root, chosen, int(suffix[0]))


def contracts_near(symbol: str, root: str, at: int, front_months: Mapping[str, str]) -> tuple[str, ...]:
    """Return the dated contracts that a continuous symbol may stand for at a moment, whoever decides about its roll.

    Within two weeks of a roll day these are two, else one. None for a root without a rule, and for a dated symbol.
    """
    if not CONTINUOUS.fullmatch(symbol.removeprefix(root)):
        return ()
    moments = (at - UNSURE_NS, at, at + UNSURE_NS)
    dated = (dated_symbol(symbol, root, moment, front_months) for moment in moments)
    return tuple(dict.fromkeys(each for each in dated if each is not None))


def check_front_months(chosen: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a user chose, `{"MNQ": "MNQZ2026"}`, in capitals; raises ValueRefused."""
    checked = {root.upper(): symbol.upper() for root, symbol in chosen.items()}
    for root, symbol in checked.items():
        if not (symbol.startswith(root) and DATED.fullmatch(symbol.removeprefix(root))):
            raise ValueRefused(f"{root}={symbol} is not of the form MNQ=MNQZ2026")
    return checked


@lru_cache(maxsize=256)  # the feed asks several times a second
def _nth_contract(root: str, day: date, nth: int) -> str | None:
    rule = RULES.get(root)
    if rule is None:
        return None
    ahead = (
        f"{root}{code}{year}" for year, month, code in _months(rule, day.year - 1) if rule.roll_day(year, month) > day
    )
    return next(islice(ahead, nth - 1, None))


def _nth_after(root: str, chosen: str, nth: int) -> str | None:
    """Return the contract that comes nth in the root's months, beginning with the chosen one."""
    if nth == 1:
        return chosen
    rule = RULES.get(root)
    if rule is None:
        return None
    code, year = chosen[-DATED_SUFFIX], int(chosen[1 - DATED_SUFFIX :])
    begin = (year, MONTH_CODES.index(code) + 1)
    after = (f"{root}{code}{year}" for year, month, code in _months(rule, year) if (year, month) > begin)
    return next(islice(after, nth - 2, None))


def _months(rule: RollRule, first_year: int) -> Iterator[tuple[int, int, str]]:
    for year in range(first_year, first_year + CANDIDATE_YEARS):
        for code in rule.months:
            yield year, MONTH_CODES.index(code) + 1, code
