"""How long a venue is left alone."""

from services.price_feed.sources.reconnecting import ReconnectDelay


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    delay = ReconnectDelay(chance=lambda: 0)
    assert [delay.after(0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_chance_adds_up_to_two_fifths() -> None:
    assert ReconnectDelay(chance=lambda: 1).after(0) == 0.7


def test_a_connection_that_lived_a_minute_starts_it_anew() -> None:
    delay = ReconnectDelay(chance=lambda: 0)
    assert [delay.after(59), delay.after(59), delay.after(60), delay.after(0)] == [0.5, 1, 0.5, 1]
