"""A network that can be broken: a TCP proxy before Postgres that resets, loses and withholds what goes through it."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

CHUNK = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: close() sends RST
COMMITS = (b"COMMIT\0", b"WITH current_target")  # the latter stores and commits in one statement
WRITES = (b"INSERT INTO", b"UPDATE ")


class Trap(Enum):
    """What befalls the next connections, one after another, and when."""

    IN_TRANSACTION = "a write has gone to the server: the connection is reset at once"
    COMMIT_LOST = "the client commits: the server never hears of it, the connection is reset"
    ANSWER_LOST = "the client commits: the server does it, its answer is lost, the connection is reset"


@dataclass(eq=False)
class Link:
    """One connection of a client and its other half."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    answers_lost: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        """Break it so that the client sees a reset; the server sees one, too."""
        for writer in (self.client, self.server):
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own and passes everything on, until told otherwise. All on one event loop."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._links: set[Link] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._traps: list[Trap] = []
        self._server: asyncio.Server | None = None
        self.sprung = 0

    async def start(self) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK, backlog=512)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        self.reset_all()

    def reset_all(self) -> int:
        """Reset every connection; how many there were."""
        links = list(self._links)
        for link in links:
            link.reset()
        return len(links)

    def set_traps(self, trap: Trap, count: int) -> None:
        """Set the same trap for the next `count` occasions."""
        self._traps += [trap] * count

    def clear_traps(self) -> None:
        """Let everything pass again."""
        self._traps.clear()

    def go_silent(self) -> None:
        """Pass nothing on any more, in no direction; new connections get no answer either."""
        self._flows.clear()

    def speak_again(self) -> None:
        """Pass on what was withheld, and all that follows."""
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._upstream, limit=CHUNK)
        except OSError:
            Link(client=writer, server=writer).reset()
            return
        for each in (writer, server_writer):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client=writer, server=server_writer)
        self._links.add(link)
        try:
            await asyncio.gather(self._requests(link, reader), self._answers(link, server_reader))
        except OSError:
            link.reset()
        finally:
            self._links.discard(link)
            for each in (writer, server_writer):
                each.close()

    async def _requests(self, link: Link, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK):
            await self._flows.wait()
            trap = self._sprung_by(chunk)
            if trap is Trap.COMMIT_LOST:
                link.reset()
                return
            link.answers_lost = link.answers_lost or trap is Trap.ANSWER_LOST
            link.server.write(chunk)
            await link.server.drain()
            if trap is Trap.IN_TRANSACTION:
                link.reset()
                return
        link.server.close()

    async def _answers(self, link: Link, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK):
            await self._flows.wait()
            if link.answers_lost:
                link.reset()
                return
            link.client.write(chunk)
            await link.client.drain()
        link.client.close()

    def _sprung_by(self, chunk: bytes) -> Trap | None:
        if not self._traps:
            return None
        next_trap = self._traps[0]
        occasions = WRITES if next_trap is Trap.IN_TRANSACTION else COMMITS
        if not any(occasion in chunk for occasion in occasions):
            return None
        self.sprung += 1
        return self._traps.pop(0)
