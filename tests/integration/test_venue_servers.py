import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from websocket import (
    WebSocket,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    create_connection,
)

from tests.venues.http_server import HttpAnswer, HttpRequest, HttpServer
from tests.venues.server import Client, Misconduct, VenueServer
from tests.venues.tls import make_certificate


class Echo(VenueServer):
    def talk(self, client: Client) -> None:
        while True:
            message = client.hear()
            if message == "rude":
                raise Misconduct("mind your words")
            client.say(f"you said {message}")


@contextmanager
def talking(venue: VenueServer, **options: Any) -> Iterator[WebSocket]:
    talk = create_connection(venue.url, timeout=5, **options)
    yield talk
    talk.shutdown()  # close() leaves the socket of a connection that the venue has closed open


def test_a_venue_hears_and_answers() -> None:
    with Echo() as venue, talking(venue) as talk:
        talk.send("hello")
        assert talk.recv() == "you said hello"
        assert venue.heard == ["hello"]


def test_a_venue_can_be_spoken_to_over_tls(tmp_path: Path) -> None:
    context, trusted = make_certificate(tmp_path)
    with (
        Echo(tls=context) as venue,
        talking(venue, sslopt={"ca_certs": str(trusted)}) as talk,
    ):
        talk.send("hello")
        assert talk.recv() == "you said hello"


def test_a_client_that_breaks_a_rule_is_cut_off_and_noted() -> None:
    with Echo() as venue, talking(venue) as talk:
        talk.send("rude")
        talk.recv()
        assert not talk.connected
        assert venue.misconduct == ["mind your words"]


def test_a_venue_refuses_handshakes_when_told_to() -> None:
    with Echo() as venue:
        venue.refuse_with = (429, "too many")
        with pytest.raises(WebSocketBadStatusException, match="429"):
            create_connection(venue.url, timeout=5)


def test_a_connection_can_be_cut_in_the_middle_of_a_frame() -> None:
    with Echo() as venue, talking(venue) as talk:
        venue.wait_for(lambda: len(venue.clients) == 1)
        venue.cut_in_mid_frame("beginning")
        with pytest.raises(WebSocketConnectionClosedException):
            talk.recv()


class Adder(HttpServer):
    def answer(self, request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(body={"sum": request.json["a"] + int(request.query["b"])})


def test_a_venue_answers_over_http() -> None:
    with Adder() as venue, urlopen(f"{venue.url}/add?b=2", data=b'{"a": 1}') as answer:  # noqa: S310 - our own server
        assert json.load(answer) == {"sum": 3}
        assert [(request.method, request.path) for request in venue.requests] == [("POST", "/add")]
