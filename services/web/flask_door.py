"""Lets threads run Flask behind the server's event loop; a live stream ends when its client has hung up."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope

from services.web.request_body import read_body
from services.web.wsgi_environ import Environ, wsgi_environ

WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
LIVE_STREAM = "text/event-stream"


class FlaskDoor:
    """Answers requests with a WSGI app that says how its answer begins before it returns, as Flask does."""

    def __init__(self, app: WsgiApp, *, threads: int, largest_body: int) -> None:
        """Let so many threads run the app, of which each live stream needs one; the app is told of larger bodies."""
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._largest_body = largest_body

    async def answer(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Answer one request."""
        body = await read_body(scope, proto, self._largest_body)
        environ = wsgi_environ(scope, body or b"")
        if body is None:
            environ["CONTENT_LENGTH"] = str(self._largest_body + 1)
        context = copy_context()  # one for all steps of a request, whatever threads take them
        answer = await self._in_thread(context, _Answer, self._app, environ)
        if answer.is_live:
            await self._stream(answer, proto, context)
        else:
            proto.response_bytes(answer.status, answer.headers, answer.body)

    async def _stream(self, answer: "_Answer", proto: HTTPProtocol, context: Context) -> None:
        transport = proto.response_stream(answer.status, answer.headers)
        try:
            with suppress(ProtocolClosed):
                while part := await self._in_thread(context, next, answer.parts, b""):
                    await transport.send_bytes(part)
        finally:
            await self._in_thread(context, answer.close)

    async def _in_thread(self, context: Context, do: Callable[..., Any], *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, do, *arguments)


class _Answer:
    """What the app answers: the whole `body`, or `parts` of one that is live."""

    def __init__(self, app: WsgiApp, environ: Environ) -> None:
        """Run the app."""
        self.status, self.headers, self.is_live, self.body = 500, list[tuple[str, str]](), False, b""
        self._iterable = app(environ, self._start)
        self.parts: Iterator[bytes] = iter(self._iterable)
        if not self.is_live:
            try:
                self.body = b"".join(self.parts)
            finally:
                self.close()

    def close(self) -> None:
        """Tell the app that nobody wants more."""
        getattr(self._iterable, "close", lambda: None)()

    def _start(self, status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        self.status, self.headers = int(status.partition(" ")[0]), headers
        self.is_live = any(name == "Content-Type" and value.startswith(LIVE_STREAM) for name, value in headers)
