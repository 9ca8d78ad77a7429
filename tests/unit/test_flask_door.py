import asyncio
from collections.abc import Iterator
from typing import Any, cast

from flask import Flask, Response, request, stream_with_context
from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope

from services.web.flask_door import FlaskDoor
from services.web.wsgi_environ import sender_address
from tests.server_requests import Head, Proto

LARGEST = 100
Answered = tuple[int, dict[str, str], bytes]


class Streamed(Proto):
    """A client that reads all of a stream."""

    def __init__(self) -> None:
        super().__init__(b"")
        self.parts: list[bytes] = []

    def response_stream(self, *_: object) -> "Streamed":
        return self

    async def send_bytes(self, part: bytes) -> None:
        self.parts.append(part)


class HungUp(Streamed):
    """A client that is gone after the first part of a stream."""

    async def send_bytes(self, part: bytes) -> None:
        await super().send_bytes(part)
        if len(self.parts) > 1:
            raise ProtocolClosed


def answer(app: Flask, head: Head, proto: Proto) -> None:
    door = FlaskDoor(app, threads=2, largest_body=LARGEST)
    asyncio.run(door.answer(cast("Scope", head), cast("HTTPProtocol", proto)))


def app_of(view: Any, path: str = "/") -> Flask:
    app = Flask("tests")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.add_url_rule(path, view_func=view, methods=["GET", "POST"])
    return app


def test_the_app_is_told_all_of_a_request_and_its_answer_comes_back() -> None:
    def view(rest: str) -> Response:
        assert rest == "é/ü"
        assert request.host == "recorder.example"
        assert request.remote_addr == "2001:db8::1"
        assert request.headers["X-Many"] == "1,2"
        answered = Response(request.args["q"] + request.form["name"], 201)
        answered.set_cookie("one", "1")
        answered.set_cookie("two", "2")
        return answered

    proto = Proto(b"name=value")
    head = Head(method="POST", path="/é/ü", query_string="q=%C3%A4", client="[2001:db8::1]:4711")
    head.headers.extend(
        [("x-many", "1"), ("x-many", "2"), ("host", "recorder.example"), ("transfer-encoding", "chunked")]
    )
    head.headers["content-type"] = "application/x-www-form-urlencoded"
    answer(app_of(view, "/<path:rest>"), head, proto)

    assert proto.answer is not None
    status, headers, body = proto.answer
    assert (status, body.decode()) == (201, "ävalue")
    assert [value[:5] for name, value in headers if name == "Set-Cookie"] == ["one=1", "two=2"]


def test_a_body_that_is_too_large_is_refused_by_the_app_however_it_was_sent() -> None:
    for length in ({}, {"content-length": "5000"}):
        proto = Proto(b"a=" + b"x" * 4998)
        head = Head(method="POST", path="/")
        head.headers.extend({"content-type": "application/x-www-form-urlencoded"} | length)
        answer(app_of(lambda: dict(request.form)), head, proto)
        assert proto.answer is not None
        assert proto.answer[0] == 413


def test_live_streams_know_their_requests_whichever_thread_goes_on_with_them() -> None:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"{request.args['whose']} {number}"

    app = app_of(lambda: Response(stream_with_context(events()), mimetype="text/event-stream"))
    door = FlaskDoor(app, threads=3, largest_body=LARGEST)
    streams = [Streamed() for _ in range(12)]

    async def all_at_once() -> None:
        heads = [Head(path="/", query_string=f"whose={number}") for number in range(12)]
        answers = zip(heads, streams, strict=True)
        await asyncio.gather(
            *(door.answer(cast("Scope", head), cast("HTTPProtocol", proto)) for head, proto in answers)
        )

    asyncio.run(all_at_once())
    assert [each.parts for each in streams] == [[b"%d %d" % (whose, n) for n in range(3)] for whose in range(12)]


def test_a_live_stream_ends_when_its_client_hangs_up() -> None:
    ended = []

    def events() -> Iterator[str]:
        try:
            for number in range(100):
                yield f"data: {number}\n\n"
        finally:
            ended.append(number)

    proto = HungUp()
    answer(app_of(lambda: Response(events(), mimetype="text/event-stream")), Head(path="/"), proto)
    assert proto.parts == [b"data: 0\n\n", b"data: 1\n\n"]
    assert ended == [1]


def test_the_sender_is_whom_the_trusted_proxies_name() -> None:
    head = Head(path="/", client="10.0.0.1:1")
    assert sender_address(cast("Scope", head), 1) == "10.0.0.1"
    head.headers.extend([("x-forwarded-for", "6.6.6.6, 192.0.2.7"), ("x-forwarded-for", "10.0.0.2")])
    told = [sender_address(cast("Scope", head), proxies) for proxies in range(5)]
    assert told == ["10.0.0.1", "10.0.0.2", "192.0.2.7", "6.6.6.6", "10.0.0.1"]
