"""Who is deleted takes along what is his: recorders what they recorded, users their contracts too."""

from decimal import Decimal

from sqlalchemy import Engine, delete, func, select

from shared.domain.contracts import Contract
from shared.store.recorders import delete_recorder
from shared.store.tables import contracts, metadata, users
from tests.trading import Desk, Recorder

OWN = Contract(
    root="OWN",
    kind="spot",
    exchange="HERE",
    name="A contract of one's own",
    tick_size=Decimal("0.5"),
    multiplier=Decimal(3),
    currency="USD",
)
KEPT_WITHOUT_USERS = {"contracts", "users"}
DAYS_TO_COMPUTE = {"result_scopes", "unsettled_days"}  # of the user, without the recorder


def with_history(desk: Desk) -> Recorder:
    desk.contract(OWN)
    recorder = desk.recorder(symbol="OWN")
    desk.tick("100", symbol="OWN")
    for action in ("buy", "buy", "sell"):
        desk.alert(recorder, {"action": action, "ticker": "OWN"})
        desk.tick("101", symbol="OWN")
    desk.catch_up(recorder)
    return recorder


def left(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name not in KEPT_WITHOUT_USERS
        }
    return {name: count for name, count in counts.items() if count}


def test_a_recorder_takes_along_its_signals_trades_and_positions(desk: Desk) -> None:
    recorder = with_history(desk)
    assert {"recorded_signals", "recorded_trades", "recorder_positions", "position_legs"} <= left(desk.engine).keys()
    with desk.engine.begin() as connection:
        assert delete_recorder(connection, desk.user_id, recorder.id)
    assert left(desk.engine).keys() <= DAYS_TO_COMPUTE


def test_a_user_takes_along_contracts_that_positions_were_opened_with(desk: Desk) -> None:
    with_history(desk)
    with desk.engine.begin() as connection:
        connection.execute(delete(users))
    assert left(desk.engine) == {}
    with desk.engine.connect() as connection:
        own = select(func.count()).where(contracts.c.root == "OWN")
        assert connection.execute(own).scalar_one() == 0
