"""Corrections: a signal or a tick that is to be as though it had never come; what then comes out is the fold's."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.application import Applied
from shared.domain.places import place_from_stream_id, stream_id

VOIDED = "voided by hand"
VOIDED_ALREADY = "it is voided already"
MARKED = (
    "the prices since then are no longer kept: its trades are taken out of every total,"
    " and what came after them stays as it was recorded"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A signal of the user that takes one entry out of the recorder's logs: a signal by its id, a tick by its place.

    The signal may be a correction, which is then undone. One whose prices were gone is `marked`: the fold knows nothing
    of it. One that could not be carried out was `refused` with a sentence.
    """

    id: int
    signal_id: int | None = None
    tick_place: int | None = None
    symbol: str | None = None
    marked: bool = False
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voids:
    """What corrections leave out of the fold, signals by id and ticks by place, and signals that are merely marked."""

    signals: frozenset[int] = frozenset()
    ticks: frozenset[int] = frozenset()
    marked: frozenset[int] = frozenset()


def correction_body(correction: Correction) -> bytes:
    """Write what a correction voids, as its signal keeps it."""
    if correction.tick_place is None:
        void: dict[str, object] = {"signal": correction.signal_id}
    else:
        void = {"tick": stream_id(correction.tick_place), "symbol": correction.symbol}
    return json.dumps({"void": void}, separators=(",", ":")).encode()


def parse_correction(body: bytes, *, id: int, marked: bool = False, refused: str | None = None) -> Correction:  # noqa: A002 - the field's name
    """Read what `correction_body` wrote."""
    void = json.loads(body)["void"]
    tick = void.get("tick")
    return Correction(
        id=id,
        signal_id=void.get("signal"),
        tick_place=None if tick is None else place_from_stream_id(tick),
        symbol=void.get("symbol"),
        marked=marked,
        refused=refused,
    )


class CorrectionLog:
    """A recorder's corrections in their order, of which the later ones may undo earlier ones."""

    def __init__(self, corrections: Iterable[Correction] = ()) -> None:
        self._taken: list[Correction] = []
        for each in corrections:
            self.add(each)

    @property
    def voids(self) -> Voids:
        """What is left out now."""
        in_force = self.in_force
        return Voids(
            signals=frozenset(each.signal_id for each in in_force if each.signal_id is not None and not each.marked),
            ticks=frozenset(each.tick_place for each in in_force if each.tick_place is not None),
            marked=frozenset(each.signal_id for each in in_force if each.signal_id is not None and each.marked),
        )

    def add(self, correction: Correction) -> Applied:
        """Take the next one, and tell what becomes of it."""
        if correction.refused is not None:
            return Applied(status="rejected", reason=correction.refused)
        targets = {(each.signal_id, each.tick_place) for each in self.in_force}
        if (correction.signal_id, correction.tick_place) in targets:
            return Applied(status="ignored", reason=VOIDED_ALREADY)
        self._taken.append(correction)
        return Applied(status="recorded", note=MARKED if correction.marked else None)

    @property
    def in_force(self) -> list[Correction]:
        """Those that nothing has undone, the last one first."""
        undone: set[int] = set()
        in_force = []
        for each in reversed(self._taken):
            if each.id not in undone:
                in_force.append(each)
                if each.signal_id is not None:
                    undone.add(each.signal_id)
        return in_force
