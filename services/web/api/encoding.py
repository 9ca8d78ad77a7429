"""Values as the API writes them: prices and money as strings, times in UTC."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from shared.domain.numbers import plain
from shared.domain.timestamps import format_timestamp, from_datetime

MICROSECONDS = 6


def encode(value: object) -> object:
    """Write one value; what is JSON already stays as it is."""
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return format_timestamp(from_datetime(value), MICROSECONDS)
    return value


def encode_fields(row: Mapping[str, object]) -> dict[str, object]:
    """Write the fields of a row, without those that are for paging only."""
    return {name: encode(value) for name, value in row.items() if not name.startswith("_")}
