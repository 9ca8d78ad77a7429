"""Counting entries does not depend on clocks that agree."""

from datetime import date

from shared.domain.entry_history import EntryHistory, day_of
from shared.domain.timestamps import parse_timestamp

BEFORE, SIX, AFTER = (
    parse_timestamp(f"2026-03-02T{clock}Z") for clock in ("22:59:59.999999999", "23:00:00", "23:00:01")
)
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def test_a_session_begins_at_six_in_the_evening_in_new_york() -> None:
    assert [day_of(BEFORE), day_of(SIX)] == [MONDAY, TUESDAY]


def test_an_entry_that_another_server_s_clock_puts_before_the_last_one_moves_no_time_back() -> None:
    history = EntryHistory()
    for moment in (SIX, BEFORE, AFTER, BEFORE):
        history.count_entry("entered", moment)

    assert history.last_entry_at == AFTER
    assert history.entries == {MONDAY: 2, TUESDAY: 2}


def test_only_entries_that_wait_for_their_turn_are_held_back_until_one_is_made() -> None:
    history = EntryHistory()
    for outcome in ("take_every", "direction_filter", None, "take_every"):
        history.count_entry(outcome, SIX)
    assert (history.held_back, history.last_entry_at) == (2, None)

    history.count_entry("entered", SIX)
    assert history.held_back == 0
