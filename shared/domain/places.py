"""Places: one total order over the ticks of all symbols, as integers that mirror Redis stream ids."""

SEQUENCE_BITS = 20
BEFORE_EVERYTHING = 0


def place_from_stream_id(text: str) -> int:
    """Read `ms-seq`, or a bare integer N as `N-0`; raises ValueError for anything else."""
    milliseconds, _, sequence = text.partition("-")
    return (_natural(milliseconds) << SEQUENCE_BITS) | _sequence(sequence or "0")


def stream_id(place: int) -> str:
    """Write a place as the stream id `ms-seq`."""
    return f"{place >> SEQUENCE_BITS}-{place & ((1 << SEQUENCE_BITS) - 1)}"


def _natural(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        message = f"{digits!r} is not a place in the tick log"
        raise ValueError(message)
    return int(digits)


def _sequence(digits: str) -> int:
    sequence = _natural(digits)
    if sequence >> SEQUENCE_BITS:
        message = f"sequence {sequence} does not fit {SEQUENCE_BITS} bits"
        raise ValueError(message)
    return sequence
