"""Holds what the senders were told against the rows: lost, applied twice, out of order; it reads no database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.journal import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """A row of recorded_signals, as far as the checks need it; `tag` is None for what no sender sent."""

    id: int
    tag: str | None
    recorder_id: int | None
    status: str
    sequence: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong, a line for each case."""

    lost: Sequence[str]
    applied_twice: Sequence[str]
    out_of_order: Sequence[str]


def check_alerts(attempts: Iterable[Attempt], rows: Iterable[SignalRow], signal_counts: Mapping[int, int]) -> Findings:
    """Compare all attempts with all rows; `signal_counts` is how many signals each recorder says it took."""
    by_tag: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_tag[attempt.tag].append(attempt)
    known = list(rows)
    stored: dict[str, list[SignalRow]] = defaultdict(list)
    for row in known:
        if row.tag is not None:
            stored[row.tag].append(row)
    return Findings(
        lost=[line for tag, sent in by_tag.items() for line in _lost(tag, sent, stored[tag])],
        applied_twice=[
            *(line for tag, found in stored.items() for line in _doubled(tag, by_tag.get(tag, []), found)),
            *_numbers(known, signal_counts),
        ],
        out_of_order=list(_out_of_order(by_tag, stored)),
    )


def accepted_alerts(attempts: Iterable[Attempt]) -> int:
    """Count the signals that some sender was told are taken: sendings, but of identified bodies each once."""
    return len({_signal(attempt) for attempt in attempts if attempt.is_accepted})


def _signal(attempt: Attempt) -> tuple[str, int, float]:
    """What makes two accepted attempts one signal; a body without time or id is another one each time."""
    return (attempt.tag, 0, 0.0) if attempt.identified else (attempt.tag, attempt.sending, attempt.sent_at)


def _lost(tag: str, sent: Sequence[Attempt], found: Sequence[SignalRow]) -> Iterable[str]:
    """Every accepted attempt has a row of its own; all of an identified body have one together."""
    accepted = [attempt for attempt in sent if attempt.is_accepted]
    needed = min(1, len(accepted)) if sent[0].identified else len(accepted)
    if len(found) < needed:
        yield f"{tag}: {needed} accepted, {len(found)} stored"
    ids = {row.id for row in found}
    for attempt in accepted:
        if attempt.signal_id is not None and attempt.signal_id not in ids:
            yield f"{tag}: answered with signal {attempt.signal_id}, which is not there"
    for row in found:
        if row.status == "accepted":
            yield f"{tag}: signal {row.id} was never applied"


def _doubled(tag: str, sent: Sequence[Attempt], found: Sequence[SignalRow]) -> Iterable[str]:
    """Of an identified body one row is applied, of others one for each attempt; what intake refused is no signal."""
    possible = sum(1 for attempt in sent if attempt.may_be_stored)
    most = min(1, possible) if sent and sent[0].identified else possible
    taken = [row for row in found if row.sequence is not None]
    if len(taken) > most:
        yield f"{tag}: {len(taken)} signals of {most} that there may be"


def _numbers(rows: Iterable[SignalRow], signal_counts: Mapping[int, int]) -> Iterable[str]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        if row.recorder_id is not None and row.sequence is not None:
            numbers[row.recorder_id].append(row.sequence)
    for recorder_id, count in signal_counts.items():
        if sorted(numbers[recorder_id]) != list(range(1, count + 1)):
            yield f"recorder {recorder_id}: counted {count} signals, its numbers are {_shown(numbers[recorder_id])}"


def _shown(numbers: Sequence[int]) -> str:
    whole = set(range(1, max(numbers, default=0) + 1))
    missing, double = sorted(whole - set(numbers)), len(numbers) - len(set(numbers))
    return f"{len(numbers)}, {double} of them twice, missing {missing[:10]}"


def _out_of_order(by_tag: Mapping[str, Sequence[Attempt]], stored: Mapping[str, Sequence[SignalRow]]) -> Iterable[str]:
    """An alert that was sent after another one's answer comes after it in their recorder's log."""
    events: dict[int, list[tuple[float, int, str]]] = defaultdict(list)
    for tag, sent in by_tag.items():
        recorder = sent[0].recorder
        events[recorder].append((min(each.sent_at for each in sent), 1, tag))
        answered = [each.answered_at for each in sent if each.is_accepted]
        if answered:
            events[recorder].append((min(answered), 0, tag))
    for of_recorder in events.values():
        highest, by = 0, ""
        for _, is_sent, tag in sorted(of_recorder):
            if is_sent:
                number = min(_applied(stored.get(tag, ())), default=None)
                if number is not None and number < highest:
                    yield f"{tag} has number {number}, {by} has {highest} and was answered before it was sent"
            elif (number := _number_answered(by_tag[tag], stored.get(tag, ()))) > highest:
                highest, by = number, tag


def _number_answered(sent: Sequence[Attempt], found: Sequence[SignalRow]) -> int:
    """The number of the row that the first answer is about; where the answer did not name it, the lowest one."""
    first = min((each for each in sent if each.is_accepted), key=lambda each: each.answered_at)
    named = [row for row in found if row.id == first.signal_id]
    return min(_applied(named or found), default=0)


def _applied(rows: Iterable[SignalRow]) -> list[int]:
    return [row.sequence for row in rows if row.sequence is not None]
