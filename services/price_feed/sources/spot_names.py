"""How exchanges of coins write a pair."""

from shared.domain.contracts import Contract


def pair_name(contract: Contract, between: str) -> str | None:
    """Write BTCUSD as BTC-USD or BTC/USD; None if the contract is no pair with its own currency."""
    base = contract.root.removesuffix(contract.currency)
    if contract.kind != "spot" or not base or base == contract.root:
        return None
    return f"{base}{between}{contract.currency}"
