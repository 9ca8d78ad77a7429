"""The proxy in a process of its own, so that nothing else of a run slows down what passes through it."""

import asyncio
import multiprocessing
import signal
from multiprocessing.connection import Connection
from typing import Any

from tests.chaos.proxy import Proxy

START = "start"


class ProxyProcess:
    """Calls the methods of a proxy that lives elsewhere; one caller at a time."""

    def __init__(self, host: str, port: int) -> None:
        method = multiprocessing.get_context("spawn")
        self._ours, theirs = method.Pipe()
        self._process = method.Process(target=_serve, args=(theirs, host, port), name="proxy", daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid or 0

    def start(self) -> int:
        """Listen; the port."""
        return int(self.call(START))

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method by its name, and give what it returns."""
        self._ours.send((name, arguments))
        return self._ours.recv()

    def stop(self) -> None:
        """End it, and all connections."""
        self._ours.close()
        self._process.join()


def _serve(commands: Connection, host: str, port: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    asyncio.run(_run(commands, Proxy(host, port)))


async def _run(commands: Connection, proxy: Proxy) -> None:
    ended = asyncio.Event()

    def obey() -> None:
        try:
            name, arguments = commands.recv()
        except EOFError:
            asyncio.get_running_loop().remove_reader(commands.fileno())
            ended.set()
            return
        commands.send(getattr(proxy, name)(*arguments))

    port = await proxy.start()
    commands.recv()  # the first command is START
    commands.send(port)
    asyncio.get_running_loop().add_reader(commands.fileno(), obey)
    await ended.wait()
    proxy.stop()
