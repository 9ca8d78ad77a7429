"""The legs of every position are those of the brute force: what equity at tick precision is made of."""

from fractions import Fraction

from hypothesis import given

from shared.domain.position import Position
from shared.domain.tape import MemoryTape
from shared.replay import _fold_recorder
from shared.replay_settings import read_recorders
from tests.property.brute_force import brute_force_books, ended_legs
from tests.property.strategies import Scenario, scenarios


def folded(scenario: Scenario) -> list[list[Position]]:
    """The core's positions of each recorder, in order of symbol and then of opening."""
    tape = MemoryTape()
    for entry in scenario.ticks:
        tape.append(entry)
    by_recorder = []
    for recorder in read_recorders(scenario.recorders):
        own = [signal for signal in scenario.replay_signals() if signal.recorder == recorder.name]
        fold, _, _ = _fold_recorder(recorder, own, tape)
        by_recorder.append([each for symbol in sorted(fold.positions) for each in fold.positions[symbol]])
    return by_recorder


@given(scenarios())
def test_legs_are_those_of_the_brute_force(scenario: Scenario) -> None:
    books, _ = brute_force_books(scenario.recorders, scenario.ticks, scenario.signals, scenario.contracts)
    for book, positions in zip(books, folded(scenario), strict=True):
        plain = sorted(book.positions, key=lambda position: position.symbol)
        expected = [ended_legs(book, position) for position in plain]
        found = [
            [
                (
                    leg.quantity,
                    Fraction(leg.realized_before),
                    Fraction(leg.lowest_result),
                    Fraction(leg.highest_result),
                    leg.started_at,
                    leg.ended_at,
                )
                for leg in position.legs
            ]
            for position in positions
        ]
        assert found == expected
