"""The network of a chaos run breaks as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.chaos.proxy import Proxy, Trap

COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
INSERT = b"Q\0\0\0\x20INSERT INTO signals ...\0"
SOON = 5.0


@dataclass
class Server:
    """Answers each chunk with the same one, and keeps what it got."""

    received: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1024):
                self.received.append(chunk)
                writer.write(chunk)
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class Network:
    server: Server
    proxy: Proxy
    port: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, said: bytes) -> bytes:
        """Say it on a connection of its own; raises ConnectionResetError where that is reset."""
        reader, writer = await self.connect()
        try:
            writer.write(said)
            return await asyncio.wait_for(reader.read(1024), SOON)
        finally:
            writer.close()


@asynccontextmanager
async def network() -> AsyncIterator[Network]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", listening.sockets[0].getsockname()[1])
    try:
        yield Network(server, proxy, await proxy.start())
    finally:
        proxy.stop()
        listening.close()
        await asyncio.sleep(0)


def on_a_network(use: Callable[[Network], Awaitable[None]]) -> None:
    async def run() -> None:
        async with network() as made:
            await use(made)

    asyncio.run(run())


def test_everything_passes_both_ways() -> None:
    async def use(made: Network) -> None:
        assert await made.ask(INSERT) == INSERT
        assert await made.ask(COMMIT) == COMMIT
        assert made.proxy.sprung == 0

    on_a_network(use)


def test_all_connections_are_reset_at_once() -> None:
    async def use(made: Network) -> None:
        pairs = [await made.connect() for _ in range(3)]
        for reader, writer in pairs:
            writer.write(b"hello")
            assert await reader.read(1024) == b"hello"
        assert made.proxy.reset_all() == 3
        for reader, _ in pairs:
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(1024), SOON)
        assert await made.ask(b"again") == b"again"

    on_a_network(use)


def test_a_lost_commit_never_reaches_the_server() -> None:
    async def use(made: Network) -> None:
        made.proxy.set_traps(Trap.COMMIT_LOST, 1)
        assert await made.ask(INSERT) == INSERT
        with pytest.raises(ConnectionResetError):
            await made.ask(COMMIT)
        assert made.server.received == [INSERT]
        assert await made.ask(COMMIT) == COMMIT

    on_a_network(use)


def test_a_commit_whose_answer_is_lost_was_done() -> None:
    async def use(made: Network) -> None:
        made.proxy.set_traps(Trap.ANSWER_LOST, 1)
        with pytest.raises(ConnectionResetError):
            await made.ask(COMMIT)
        assert made.server.received == [COMMIT]

    on_a_network(use)


def test_a_transaction_is_cut_after_a_write() -> None:
    async def use(made: Network) -> None:
        made.proxy.set_traps(Trap.IN_TRANSACTION, 1)
        assert await made.ask(COMMIT) == COMMIT
        with pytest.raises(ConnectionResetError):
            await made.ask(INSERT)
        assert made.proxy.sprung == 1

    on_a_network(use)


def test_cleared_traps_do_not_go_off() -> None:
    async def use(made: Network) -> None:
        made.proxy.set_traps(Trap.COMMIT_LOST, 5)
        made.proxy.clear_traps()
        assert await made.ask(COMMIT) == COMMIT

    on_a_network(use)


def test_a_silent_network_withholds_and_then_delivers() -> None:
    async def use(made: Network) -> None:
        reader, writer = await made.connect()
        writer.write(b"before")
        assert await reader.read(1024) == b"before"
        made.proxy.go_silent()
        writer.write(b"meanwhile")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1024), 0.1)
        assert made.server.received == [b"before"]
        made.proxy.speak_again()
        assert await asyncio.wait_for(reader.read(1024), SOON) == b"meanwhile"
        writer.close()

    on_a_network(use)


def test_a_server_that_is_not_there_resets() -> None:
    async def use(made: Network) -> None:
        nowhere = Proxy("127.0.0.1", 1)
        port = await nowhere.start()
        with pytest.raises(ConnectionResetError):
            await Network(made.server, nowhere, port).ask(b"hello")
        nowhere.stop()

    on_a_network(use)
