"""Which venue serves which symbol, and under which name: the first one that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.price_feed.sources.venue_line import VenueLine
from shared.domain.contracts import Contract
from shared.domain.timestamps import NS_PER_SECOND

ASK_AGAIN_NS = 15 * 60 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Route:
    """A line, and the name of the symbol there."""

    line: VenueLine
    name: str


class Routes:
    """Asks the venues in their order. What all of them refused is asked for again a quarter of an hour later."""

    def __init__(self, lines: Sequence[VenueLine]) -> None:
        self._lines = lines
        self._refused_at: dict[Route, int] = {}

    def avoid(self, line: VenueLine, name: str, at: int) -> None:
        """Remember that the venue gives nothing of this name at a moment (ns)."""
        self._refused_at[Route(line, name)] = at

    def refuses(self, line: VenueLine, name: str, at: int) -> bool:
        """Whether the venue gave nothing of this name lately."""
        return at - self._refused_at.get(Route(line, name), at - ASK_AGAIN_NS) < ASK_AGAIN_NS

    def plan(self, symbols: Mapping[str, Contract], at: int) -> dict[str, Route]:
        """Choose a route for each symbol that any venue has at a moment (ns)."""
        routes = ((symbol, self._route(symbol, contract, at)) for symbol, contract in symbols.items())
        return {symbol: route for symbol, route in routes if route is not None}

    def _route(self, symbol: str, contract: Contract, at: int) -> Route | None:
        names = ((line, line.venue.name_of(symbol, contract, at)) for line in self._lines)
        routes = [Route(line, name) for line, name in names if name is not None]
        # Trying anew costs a gap where another venue serves the symbol: only what nobody serves is tried.
        untried = (route for route in routes if route not in self._refused_at)
        due = (route for route in routes if at - self._refused_at.get(route, at) >= ASK_AGAIN_NS)
        return next(untried, None) or next(due, None)
