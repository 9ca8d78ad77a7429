"""Archives a recorder, after closing what it holds if that is asked for."""

from services.web.backend import Backend
from services.web.manual_signals import close_by_hand
from shared.store.archive import archive_recorder
from shared.store.recorders import find_recorder
from shared.store.reports import open_tickers


class StillHolds(ValueError):
    """The recorder holds something; the message says what."""


def archive(backend: Backend, user_id: int, recorder_id: int, *, closes: bool) -> bool:
    """Stop the recorder and put it away; False if the user has none of this id.

    Raises StillHolds if something is open, unless it `closes` that: by a signal, which is applied a moment later.
    """
    with backend.engine.begin() as connection:
        recorder = find_recorder(connection, user_id, recorder_id)
        if recorder is None:
            return False
        held = sorted(open_tickers(connection, recorder_id))
        if held and not closes:
            raise StillHolds(f"{recorder.name} holds {', '.join(held)}: close it, or have it closed")
        archive_recorder(connection, recorder)
    if held:
        close_by_hand(backend, user_id, recorder_id, None)
    return True
