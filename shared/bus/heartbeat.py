"""Each service says once a second that it lives, and how it is; readers see when each one last did."""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import redis

from shared.bus.connection import CONNECTION_LOST

SERVICES = "services"
BEAT_EVERY_SECONDS = 1.0
SILENT_AFTER_SECONDS = 10
FORGOTTEN_AFTER_SECONDS = 600

Facts = Mapping[str, Any]  # whatever JSON can say


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What one instance of a service last said, and how long ago."""

    service: str
    instance: str
    age_seconds: float
    facts: Facts


class Heartbeat:
    """One instance's sign of life, called from its main loop: a loop that hangs must show."""

    def __init__(self, client: redis.Redis, service: str) -> None:
        self._redis = client
        self._field = f"{service}:{instance_name()}"
        self._next_at = 0.0

    def beat_if_due(self, facts: Callable[[], Facts]) -> bool:
        """Beat when the last one is a second ago; whether it did. `facts` is asked only then."""
        if time.monotonic() < self._next_at:
            return False
        self._next_at = time.monotonic() + BEAT_EVERY_SECONDS
        beat = {"at": time.time(), "pid": os.getpid(), **facts()}
        self._redis.hset(SERVICES, self._field, json.dumps(beat))
        return True

    def stop(self) -> None:
        """Take this instance off the list: it ended as it was told to. Without Redis it is forgotten after a while."""
        with suppress(*CONNECTION_LOST):
            self._redis.hdel(SERVICES, self._field)


def read_heartbeats(client: redis.Redis) -> list[Beat]:
    """The last beat of each instance, by service and name; those silent for ten minutes are forgotten."""
    beats = [_beat(name, text) for name, text in sorted(cast("dict[str, str]", client.hgetall(SERVICES)).items())]
    gone = [beat for beat in beats if beat.age_seconds > FORGOTTEN_AFTER_SECONDS]
    if gone:
        client.hdel(SERVICES, *(f"{beat.service}:{beat.instance}" for beat in gone))
    return [beat for beat in beats if beat not in gone]


def lives_here(client: redis.Redis, service: str) -> bool:
    """Whether an instance of the service that runs on this host, or in this container, gave a sign of life lately."""
    beats = [beat for beat in read_heartbeats(client) if beat.service == service and _is_here(beat.instance)]
    return any(beat.age_seconds <= SILENT_AFTER_SECONDS for beat in beats)


def instance_name() -> str:
    """This process among all: its host's name and its id."""
    return f"{socket.gethostname()}-{os.getpid()}"


def _is_here(instance: str) -> bool:
    return instance.rpartition("-")[0] == socket.gethostname()


def _beat(name: str, text: str) -> Beat:
    service, _, instance = name.partition(":")
    facts: dict[str, Any] = json.loads(text)
    age = time.time() - float(facts.pop("at") or 0)
    return Beat(service=service, instance=instance, age_seconds=max(0.0, age), facts=facts)
