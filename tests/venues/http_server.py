"""A plain HTTP server for what venues answer outside their WebSocket: tokens, contracts; answers are JSON."""

import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    status: int = 200
    body: Any = None  # bytes go out as they are, all else as JSON; None sends an empty body


class HttpServer:
    """Answers with what `answer` says; `requests` are all that came."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[HttpRequest] = []
        self.failures: list[Exception] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def answer(self, request: HttpRequest) -> HttpAnswer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.failures and kind is None:
            raise self.failures[0]


def _handler_of(server: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def log_message(self, *_: object) -> None:
            pass

        def _reply(self) -> None:
            request = self._request()
            server.requests.append(request)
            try:
                answer = server.answer(request)
            except Exception as failure:  # noqa: BLE001 - a mistake of the venue itself fails the test at its end
                server.failures.append(failure)
                answer = HttpAnswer(status=500)
            self._send(answer)

        def _request(self) -> HttpRequest:
            target = urlsplit(self.path)
            return HttpRequest(
                method=self.command,
                path=target.path,
                query={name: values[0] for name, values in parse_qs(target.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            )

        def _send(self, answer: HttpAnswer) -> None:
            is_plain = isinstance(answer.body, bytes | None)
            body = (answer.body or b"") if is_plain else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html" if is_plain else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
