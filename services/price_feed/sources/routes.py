"""Which venue serves which symbol, and under which name: the first one that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.price_feed.sources.venue_line import VenueLine
from shared.domain.contracts import Contract


@dataclass(frozen=True, slots=True)
class Route:
    """A line, and the name of the symbol there."""

    line: VenueLine
    name: str


class Routes:
    """Asks the venues in their order; a name that a venue does not know is not asked for there again."""

    def __init__(self, lines: Sequence[VenueLine]) -> None:
        self._lines = lines
        self._unknown: set[Route] = set()

    def forget(self, line: VenueLine, name: str) -> None:
        """Remember that the venue has nothing of this name."""
        self._unknown.add(Route(line, name))

    def plan(self, symbols: Mapping[str, Contract], at: int) -> dict[str, Route]:
        """Choose a route for each symbol that any venue has at a moment (ns)."""
        routes = ((symbol, self._route(symbol, contract, at)) for symbol, contract in symbols.items())
        return {symbol: route for symbol, route in routes if route is not None}

    def _route(self, symbol: str, contract: Contract, at: int) -> Route | None:
        for line in self._lines:
            name = line.venue.name_of(symbol, contract, at)
            if name is not None and Route(line, name) not in self._unknown:
                return Route(line, name)
        return None
