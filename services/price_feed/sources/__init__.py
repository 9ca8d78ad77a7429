"""Where prices come from; a source knows nothing of the tick log."""

from collections.abc import Mapping
from typing import Protocol

from shared.domain.quotes import SourceMessage


class Source(Protocol):
    """What the feed needs of a source: what is new, and to be told when nobody listened for a while."""

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""

    def next_batch(self, timeout: float) -> list[SourceMessage]:
        """Take what there is, in order, or wait for it at most `timeout` seconds; empty if nothing came."""

    def resume(self) -> None:
        """Go on after an outage of ours: what a source holds back is due from now on, not all at once."""

    def status(self) -> Mapping[str, object]:
        """Describe how it stands, beyond whether it has ended."""

    def close(self) -> None:
        """Let go of connections; it is asked no more, unless it is opened again."""
