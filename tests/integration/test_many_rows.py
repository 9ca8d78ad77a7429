"""Rows that travel as one JSON document arrive in their order and to the last digit."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, DateTime, Engine, Identity, Integer, MetaData, Numeric, Table, Text, select
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.many_rows import insert_many, rows_given, rows_numbered, update_many

NOTES = Table(
    "notes",
    MetaData(),
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("number", Integer),
    Column("price", Numeric),
    Column("at", DateTime(timezone=True)),
    Column("said", Text),
    Column("plan", JSONB),
    prefixes=["TEMPORARY"],
)
MOMENT = datetime(2026, 11, 23, 8, 0, 0, 123456, UTC)


def note(number: int, **different: Any) -> dict[str, Any]:
    said = "a 'quote' and \\n"
    return {"number": number, "price": Decimal("0.1"), "at": MOMENT, "said": said, "plan": {"a": []}} | different


def test_rows_are_inserted_in_their_order_whatever_they_hold(engine: Engine) -> None:
    price = Decimal("123456789012345678901234567890.000000000000000000010")
    rows = [note(number) for number in range(3000, 0, -1)] + [note(0, price=price, at=None, said=None, plan=[1, {}])]
    with engine.begin() as connection:
        NOTES.create(connection)
        statement = insert_many(NOTES, tuple(rows[0])).returning(NOTES.c.id)
        ids = sorted(connection.execute(statement, rows_numbered(rows)).scalars())
        stored = connection.execute(select(NOTES).order_by(NOTES.c.id)).mappings().all()
        NOTES.drop(connection)
    assert [row["id"] for row in stored] == ids
    assert [{name: row[name] for name in rows[0]} for row in stored] == rows
    assert str(stored[-1]["price"]) == str(price)


def test_what_is_optional_stays_where_a_row_has_none(engine: Engine) -> None:
    with engine.begin() as connection:
        NOTES.create(connection)
        rows = [note(1, plan={"old": 1}), note(2, plan={"old": 2}), note(3)]
        connection.execute(insert_many(NOTES, tuple(rows[0])), rows_numbered(rows))
        changes = [{"number": 2, "said": None, "plan": None}, {"number": 1, "said": "new", "plan": {"new": 1}}]
        connection.execute(update_many(NOTES, ["number"], ["said"], optional=["plan"]), rows_given(changes))
        stored = connection.execute(select(NOTES.c.said, NOTES.c.plan).order_by(NOTES.c.number)).all()
        NOTES.drop(connection)
    assert [tuple(row) for row in stored] == [
        ("new", {"new": 1}),
        (None, {"old": 2}),
        (note(3)["said"], {"a": []}),
    ]
