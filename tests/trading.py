"""A trading desk on the real servers: recorders, a market in the tick log, alerts as intake stores them.

What the workers wrote is read back as `recorder replay` would describe it, so that the two can be compared.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis
from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from cli.replay import replay_files
from shared.audit import audit_recorders
from shared.bus.publisher import SourceLease, TickPublisher
from shared.bus.tick_log import read_heads
from shared.catch_up import catch_up
from shared.domain.acceptance import accept_body
from shared.domain.contracts import Contract
from shared.domain.corrections import Correction, correction_body
from shared.domain.numbers import plain
from shared.domain.quotes import Roll
from shared.domain.recorder_settings import parse_recorder_settings
from shared.domain.timestamps import format_timestamp, from_datetime, to_datetime
from shared.exported_logs import TIME_DIGITS, collect_logs, write_logs
from shared.settings import Settings
from shared.store.audit_rows import begin_snapshot, recorders_to_audit
from shared.store.contracts import add_contract, contracts_in_force
from shared.store.recorders import create_recorder, find_recorder, update_recorder
from shared.store.signal_intake import NewSignal, insert_signal
from shared.store.signals import CORRECTION
from shared.store.tables import position_legs, recorded_signals, recorded_trades, recorder_positions, users
from shared.tokens import TokenCipher

Json = dict[str, Any]
START = 1_795_000_000_000_000_000
MILLISECOND = 1_000_000
AT_ACCEPTANCE = "at acceptance"
_numbers = itertools.count(1)
_cipher = TokenCipher("0123456789abcdef" * 2)


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """A recorder as the tests address it."""

    id: int
    settings_id: int
    stated: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.stated["name"])


@dataclass
class Desk:
    """One user's recorders and the market; `now` is the time in ns at which the next thing happens."""

    engine: Engine
    redis: Redis
    publisher: TickPublisher
    user_id: int
    now: int = START
    recorders: list[Recorder] = field(default_factory=list)

    def recorder(self, contracts: Mapping[str, Json] | None = None, **settings: Any) -> Recorder:
        """Add a recorder of MNQ1!; `contracts` is what replay must be told of its symbol."""
        stated = {"name": f"R{len(self.recorders) + 1}", "symbol": "MNQ1!", **settings}
        with self.engine.begin() as connection:
            made, _ = create_recorder(connection, self.user_id, parse_recorder_settings(stated), _cipher)
        own = {"contract": contracts} if contracts else {}
        self.recorders.append(Recorder(id=made.id, settings_id=made.settings_id, stated=stated | own))
        return self.recorders[-1]

    def edit(self, recorder: Recorder, **settings: Any) -> Recorder:
        """Put other settings in force; the recorder as it was stays what signals are accepted under the old ones."""
        stated = {**recorder.stated, **settings}
        plain_settings = {name: value for name, value in stated.items() if name != "contract"}
        with self.engine.begin() as connection:
            update_recorder(connection, self.user_id, recorder.id, parse_recorder_settings(plain_settings))
            found = find_recorder(connection, self.user_id, recorder.id)
        if found is None:
            raise AssertionError(recorder)
        edited = Recorder(id=recorder.id, settings_id=found.settings_id, stated=stated)
        self.recorders[self.recorders.index(recorder)] = edited
        return edited

    def many_recorders(self, count: int, **settings: Any) -> None:
        """Add recorders like one another, in one statement each for all of them."""
        first = self.recorder(**settings)
        parameters = {"count": count - 1, "first": first.id, "name": first.name}
        with self.engine.begin() as connection:
            connection.execute(_COPY_RECORDERS, parameters)
            rows = connection.execute(_COPY_SETTINGS, parameters).all()
            connection.execute(_POINT_TO_SETTINGS)
        for row in rows:
            made = Recorder(id=row.recorder_id, settings_id=row.id, stated=first.stated | {"name": row.name})
            self.recorders.append(made)

    def alert_all(self, recorders: Sequence[Recorder], body: Json) -> None:
        """Store the same alert for each of them."""
        signal_id = self.alert(recorders[0], body)
        copies = [{"id": signal_id, "recorder": each.id, "settings": each.settings_id} for each in recorders[1:]]
        with self.engine.begin() as connection:
            connection.execute(_COPY_SIGNAL, copies)

    def contract(self, contract: Contract) -> None:
        """Give the user a contract of their own."""
        with self.engine.begin() as connection:
            add_contract(connection, contract, user_id=self.user_id)

    def tick(self, *prices: str | Decimal | int, symbol: str = "MNQ1!") -> int:
        """Append ticks a millisecond apart; the place of the last one."""
        place = 0
        for price in prices:
            self.now += MILLISECOND
            place = self.publisher.publish(symbol, Decimal(price), self.now)
        return place

    def gap(self, seconds: str, symbol: str = "MNQ1!") -> int:
        """Append a gap mark."""
        self.now += MILLISECOND
        return self.publisher.mark_gap(symbol, Decimal(seconds), self.now)

    def roll(self, difference: str, symbol: str = "MNQ1!") -> int:
        """Append a roll mark."""
        self.now += MILLISECOND
        return self.publisher.append([Roll(symbol=symbol, occurred_at=self.now, difference=Decimal(difference))])[0]

    def lose_redis(self) -> None:
        """Empty Redis, and claim the log again as a feed does that goes on; the place of the next entry is later."""
        time.sleep(0.002)  # places go by the clock of Redis, in milliseconds
        self.redis.flushall()
        self.publisher = _claimed(self.redis)

    def alert(
        self, recorder: Recorder, body: Json | str, *, place: int | str | None = AT_ACCEPTANCE, **row: Any
    ) -> int:
        """Store an alert as intake does; a `place` of its own is one that intake read a moment ago, or could not."""
        with self.engine.begin() as connection:
            return self.store(connection, recorder, body, place=place, **row)

    def store(
        self,
        connection: Connection,
        recorder: Recorder,
        body: Json | str,
        *,
        place: int | str | None = AT_ACCEPTANCE,
        **row: Any,
    ) -> int:
        """Store an alert in the caller's transaction."""
        self.now += MILLISECOND
        raw = body if isinstance(body, str) else json.dumps(body)
        received_at = row.pop("received_at", to_datetime(self.now))
        held = contracts_in_force(connection, self.user_id)
        settings = parse_recorder_settings({k: v for k, v in recorder.stated.items() if k != "contract"})
        accepted = accept_body(raw, settings, received_at=from_datetime(received_at), contracts=held.by_root)
        instrument = accepted.instrument
        symbol = instrument.symbol if instrument else None
        heads = read_heads(self.redis, [symbol] if symbol else [])
        last = heads.ticks.get(symbol) if symbol else None
        known = {"place": heads.place, "market_price": last.price if last else None}
        if place != AT_ACCEPTANCE:
            known = {"place": place, "market_price": None}
        signal = NewSignal(
            user_id=self.user_id,
            recorder_id=recorder.id,
            settings_id=recorder.settings_id,
            contract_id=held.ids[instrument.contract.root] if instrument else None,
            ticker=symbol,
            raw_data=raw.encode(),
            status="accepted",
            received_at=received_at,
            **{"signal_type": "alert", **known, **row},
        )
        return insert_signal(connection, signal).id

    def void(
        self, recorder: Recorder, signal_id: int | None = None, *, tick: int | None = None, symbol: str = "MNQ1!"
    ) -> int:
        """Accept a correction that voids a signal, or a tick by its place."""
        self.now += MILLISECOND
        correction = Correction(id=0, signal_id=signal_id, tick_place=tick, symbol=None if tick is None else symbol)
        signal = NewSignal(
            user_id=self.user_id,
            recorder_id=recorder.id,
            settings_id=recorder.settings_id,
            raw_data=correction_body(correction),
            status="accepted",
            signal_type=CORRECTION,
            received_at=to_datetime(self.now),
            place=read_heads(self.redis, []).place,
        )
        with self.engine.begin() as connection:
            return insert_signal(connection, signal).id

    def catch_up(self, *recorders: Recorder, **options: Any) -> int:
        """Apply what is pending, of all recorders if none is named."""
        return catch_up(self.engine, self.redis, [each.id for each in recorders or self.recorders], **options)

    def settle(self) -> None:
        """Apply what is pending and take every position to the end of the log.

        One place beyond it: the rows of open trades are written by catching up, not by a flush that came there first.
        """
        heads = read_heads(self.redis)
        self.catch_up(through=dict.fromkeys(heads.ticks, heads.place + 1))

    def trades(self, recorder: Recorder) -> list[Json]:
        return self._rows(recorded_trades, recorder)

    def positions(self, recorder: Recorder) -> list[Json]:
        return self._rows(recorder_positions, recorder)

    def signals(self, recorder: Recorder) -> list[Json]:
        return self._rows(recorded_signals, recorder)

    def position(self, recorder: Recorder) -> Json:
        """Return the recorder's only position."""
        (position,) = self.positions(recorder)
        return position

    def legs(self, recorder: Recorder) -> list[Json]:
        statement = (
            select(position_legs)
            .join(recorder_positions, recorder_positions.c.id == position_legs.c.position_id)
            .where(recorder_positions.c.recorder_id == recorder.id)
            .order_by(position_legs.c.position_id, position_legs.c.number)
        )
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def everything(self) -> dict[str, list[Json]]:
        """Return all that the workers ever write, as it stands, times of writing included."""
        statements = {
            "recorders": "SELECT id, signal_count FROM recorders ORDER BY id",
            "signals": "SELECT * FROM recorded_signals ORDER BY id",
            "positions": "SELECT * FROM recorder_positions ORDER BY id",
            "trades": "SELECT * FROM recorded_trades ORDER BY id",
            "legs": "SELECT * FROM position_legs ORDER BY position_id, number",
        }
        with self.engine.connect() as connection:
            return {
                name: [dict(row) for row in connection.execute(text(statement)).mappings()]
                for name, statement in statements.items()
            }

    def recorded(self, recorder: Recorder) -> dict[str, list[Json]]:
        """Describe what the database holds as `replayed` does."""
        return {
            "signals": [_said(each["status"], each["reason"], each["note"]) for each in self.signals(recorder)],
            "trades": _sorted(_trade(each) for each in self.trades(recorder) if each["voided_by"] is None),
            "positions": _sorted(_position(each) for each in self.positions(recorder) if each["voided_by"] is None),
        }

    def replayed(self, recorder: Recorder) -> dict[str, list[Json]]:
        """Describe what `recorder replay` makes of the recorder's exported logs, the tick log as Redis has it."""
        with TemporaryDirectory() as name:
            files = self.export(recorder, Path(name))
            report = replay_files(*files)
        return {
            "signals": [_said(each["status"], each["reason"], each.get("note")) for each in report["signals"]],
            "trades": _sorted(_without(each, "recorder") for each in report["trades"]),
            "positions": _sorted(_without(each, "recorder") for each in report["positions"]),
        }

    def export(self, recorder: Recorder, directory: Path) -> tuple[Path, Path, Path]:
        """Write the recorder's logs; the files in the order in which a replay takes them."""
        with self.engine.connect() as connection:
            found = find_recorder(connection, self.user_id, recorder.id)
            if found is None:
                raise AssertionError(recorder)
            write_logs(collect_logs(connection, self.redis, found), directory)
        return directory / "ticks.csv", directory / "signals.jsonl", directory / "settings.json"

    def _rows(self, table: Any, recorder: Recorder) -> list[Json]:
        statement = select(table).where(table.c.recorder_id == recorder.id).order_by(table.c.id)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]


def empty_desk(engine: Engine, redis: Redis, *, retention_seconds: int = 3600) -> Desk:
    """Make a user with a desk, alone in the database, and claim the tick log for its market."""
    columns = {name: f"desk-{next(_numbers)}".encode() for name in ("webhook_token_hash", "webhook_token_encrypted")}
    user = insert(users).values(name="trader", password_hash="none", **columns)
    with engine.begin() as connection:
        connection.execute(delete(users))
        user_id: int = connection.execute(user.returning(users.c.id)).scalar_one()
    return Desk(engine=engine, redis=redis, publisher=_claimed(redis, retention_seconds), user_id=user_id)


def _claimed(redis: Redis, retention_seconds: int = 3600) -> TickPublisher:
    epoch = SourceLease(redis, "desk", f"desk {next(_numbers)}").claim()
    if epoch is None:
        raise AssertionError("the log has another publisher")
    return TickPublisher(redis, source="desk", epoch=epoch, retention_seconds=retention_seconds)


@contextmanager
def rival_transaction(engine: Engine) -> Iterator[Connection]:
    """Hold a transaction for as long as the test takes: the server's patience with an idle one is not the subject."""
    with engine.begin() as rival:
        rival.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield rival


def wait_until(happened: Callable[[], object], *, within_seconds: float = 15.0) -> None:
    """Look again and again until it happened."""
    deadline = time.monotonic() + within_seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds} s")
        time.sleep(0.01)


def assert_as_replayed(desk: Desk) -> None:
    """Take everything to the end of the log, and compare it with the replay of the logs."""
    desk.settle()
    for recorder in desk.recorders:
        assert desk.recorded(recorder) == desk.replayed(recorder), recorder.name
        assert_sums_agree(desk, recorder)


def audit_differences(desk: Desk) -> list[str]:
    """Say what an audit finds."""
    with desk.engine.begin() as connection:
        begin_snapshot(connection)
        records = list(audit_recorders(connection, desk.redis, recorders_to_audit(connection, None, None)))
    return [f"{each.field}: {each.stored} / {each.recomputed}" for record in records for each in record.differences]


def assert_sums_agree(desk: Desk, recorder: Recorder) -> None:
    for position in desk.positions(recorder):
        if position["status"] == "voided":
            continue
        trades = [trade for trade in desk.trades(recorder) if trade["position_id"] == position["id"]]
        booked = sum((trade["pnl"] for trade in trades if trade["status"] == "closed"), Decimal(0))
        assert booked == position["realized_pnl"]
        assert sum(trade["quantity"] for trade in trades if trade["status"] == "open") == position["total_quantity"]


def somebody_waits_for_a_lock(engine: Engine) -> bool:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with engine.connect() as connection:
        return bool(connection.execute(text(statement)).scalar_one())


@contextmanager
def running_part(part: str, settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the commands that are a service, until the block ends or somebody kills it."""
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    command = [sys.executable, "-m", "cli.main", part]
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, env={**os.environ, **environment, "SECRET_KEY": settings.secret_key}, stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def pending_count(engine: Engine) -> int:
    """Count the signals that wait to be applied."""
    statement = select(func.count()).where(recorded_signals.c.status == "accepted")
    with engine.connect() as connection:
        count: int = connection.execute(statement).scalar_one()
    return count


_COPY_RECORDERS = text(
    """
    INSERT INTO recorders (user_id, name, symbol, sl_amount, webhook_token_hash, webhook_token_encrypted, settings_id)
    SELECT user_id, :name || ' ' || number, symbol, sl_amount,
           decode(md5(id || ' ' || number), 'hex'), decode(md5(id || ' ' || number), 'hex'), 0
    FROM recorders, generate_series(1, :count) number WHERE id = :first
    """
)
_COPY_SETTINGS = text(
    """
    WITH made AS (
        INSERT INTO recorder_settings (recorder_id, settings)
        SELECT recorders.id, jsonb_set(settings, '{name}', to_jsonb(recorders.name))
        FROM recorders, recorder_settings WHERE recorders.settings_id = 0 AND recorder_id = :first
        RETURNING id, recorder_id
    )
    SELECT made.id, recorder_id, name FROM made JOIN recorders ON recorders.id = recorder_id ORDER BY recorder_id
    """
)
_POINT_TO_SETTINGS = text(
    """
    UPDATE recorders SET settings_id = recorder_settings.id FROM recorder_settings
    WHERE recorders.settings_id = 0 AND recorder_id = recorders.id
    """
)
_COPY_SIGNAL = text(
    """
    INSERT INTO recorded_signals (user_id, recorder_id, settings_id, contract_id, ticker, raw_data, status, signal_type,
                                  place, market_price, received_at)
    SELECT user_id, :recorder, :settings, contract_id, ticker, raw_data, status, signal_type,
           place, market_price, received_at
    FROM recorded_signals WHERE id = :id
    """
)


def _said(status: str, reason: str | None, note: str | None) -> Json:
    return {"status": status, "reason": reason, "note": note}


def _trade(row: Json) -> Json:
    numbers = "entry_price exit_price pnl pnl_ticks max_favorable max_adverse worst_price gap_seconds rolled"
    return {
        "symbol": row["ticker"],
        "commission": _number(row["commission"]) or "0",
        "entry_time": _moment(row["entry_time"]),
        "exit_time": _moment(row["exit_time"]),
        **{name: _number(row[name]) for name in numbers.split()},
        **{name: row[name] for name in "side quantity exit_reason ticks_seen status".split()},
    }


def _position(row: Json) -> Json:
    numbers = "avg_entry_price exit_price realized_pnl worst_price gap_seconds rolled"
    numbers += " worst_unrealized_pnl best_unrealized_pnl"
    return {
        "symbol": row["ticker"],
        "quantity": row["total_quantity"],
        **{name: _number(row[name]) for name in numbers.split()},
        **{name: _moment(row[name]) for name in "opened_at closed_at worst_at".split()},
        **{name: row[name] for name in "side max_quantity ticks_seen status".split()},
    }


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else format_timestamp(from_datetime(value), TIME_DIGITS)


def _without(row: Json, name: str) -> Json:
    return {key: value for key, value in row.items() if key != name}


def _sorted(rows: Any) -> list[Json]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
