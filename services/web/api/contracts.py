"""Contracts as programs read, add and correct them."""

from typing import Any

from flask import Response, jsonify

from services.web.api.blueprint import api, read_object, transaction, user_id
from services.web.api.encoding import encode_fields
from services.web.api.query import refuse_unknown
from services.web.problems import problem
from shared.domain.contracts import COLUMNS, Contract, parse_contract
from shared.domain.refusals import ValueRefused
from shared.store.contracts import add_contract, contracts_in_force


@api.get("/contracts")
def contracts() -> Response:
    """List the contracts in force for the user."""
    refuse_unknown()
    with transaction() as connection:
        known = contracts_in_force(connection, user_id())
    items = [_described(known.ids[root], contract) for root, contract in sorted(known.by_root.items())]
    return jsonify(items=items, next_cursor=None)


@api.post("/contracts")
def make_contract() -> Response | tuple[Response, int]:
    """Add a contract, or correct one: positions that are open keep the version they were opened with."""
    given: dict[str, Any] = read_object()
    unknown = [name for name in given if name not in COLUMNS]
    if unknown:
        return problem(422, "Unprocessable Content", f"{unknown[0]}: is not one of {', '.join(COLUMNS)}")
    try:
        contract = parse_contract({name: None if value is None else str(value) for name, value in given.items()})
    except ValueRefused as refusal:
        return problem(422, "Unprocessable Content", str(refusal))
    with transaction() as connection:
        contract_id = add_contract(connection, contract, user_id=user_id())
    return jsonify(_described(contract_id, contract)), 201


def _described(contract_id: int, contract: Contract) -> dict[str, object]:
    facts = {name: getattr(contract, name) for name in (*COLUMNS, "tick_value")}
    return {"id": contract_id, **encode_fields(facts)}
