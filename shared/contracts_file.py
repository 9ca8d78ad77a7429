"""The contracts that come with the program; the database, which starts from them, is not its business."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from shared.domain.contracts import Contract, read_contracts


@cache
def packaged_contracts() -> Mapping[str, Contract]:
    """Read the packaged table of contracts, once; by root."""
    table = files("shared.domain").joinpath("contracts.csv").read_text(encoding="utf-8")
    return MappingProxyType(read_contracts(table.splitlines()))
