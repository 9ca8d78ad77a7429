"""docker-compose.yml keeps its promises: read here as data; tests/e2e/test_compose.py brings it up."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import load_settings

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docker-compose.yml").read_text()
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
OURS = ("web", "price_feed", "recorder_worker", "tpsl_worker")
SECRETS = ("POSTGRES_PASSWORD", "SECRET_KEY")
EXAMPLE = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
NOT_FOR_THE_STACK = {"DATABASE_URL", "REDIS_URL"}  # docker-compose.yml names its own


def test_the_four_services_stand_on_postgres_and_redis() -> None:
    assert set(SERVICES) == {*OURS, "postgres", "redis", "migrate"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_what_keeps_running_is_checked_and_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["logging"]["options"]["max-size"] == "10m"
    assert "stop_grace_period" in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_our_services_ask_for_their_own_sign_of_life(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "recorder", "health", name]


@pytest.mark.parametrize("name", OURS)
def test_our_services_wait_for_their_servers_and_the_schema(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_the_schema_is_migrated_once() -> None:
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", [*OURS, "migrate"])
def test_our_containers_may_do_little(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_a_service_without_a_name_and_port_of_its_own_can_be_scaled() -> None:
    for name in ("recorder_worker", "tpsl_worker"):
        assert not {"ports", "container_name", "hostname"} & set(SERVICES[name])


def test_redis_keeps_everything_and_evicts_nothing() -> None:
    command = SERVICES["redis"]["command"]

    assert "--appendonly yes" in command
    assert "--appendfsync everysec" in command
    assert "--maxmemory-policy noeviction" in command
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]


def test_only_web_is_reached_from_outside_and_only_from_this_machine_unless_told_otherwise() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert SERVICES["web"]["ports"] == ["${HOST:-127.0.0.1}:${PORT:-8082}:${PORT:-8082}"]
    assert STACK["networks"]["default"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "outside" in service.get("networks", [])] == [
        "web",
        "price_feed",
    ]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_has_no_default_and_its_lack_is_a_sentence(secret: str) -> None:
    uses = re.findall(rf"\$\{{?{secret}\b([^}}]*)", TEXT)

    assert uses
    for use in uses:
        assert re.fullmatch(rf":\?Copy \.env\.example to \.env and set {secret} there, .+", use)
    assert EXAMPLE[secret] == ""


def test_every_variable_of_the_example_reaches_the_services_and_no_other_does() -> None:
    passed = set(re.findall(r"\$\{([A-Z_]+)", TEXT))

    assert passed == set(EXAMPLE) - NOT_FOR_THE_STACK


def test_the_services_can_read_what_the_stack_tells_them() -> None:
    environment = SERVICES["web"]["environment"] | {"SECRET_KEY": "0" * 64, "PORT": "8082"}

    settings = load_settings({name: "" if value.startswith("${") else value for name, value in environment.items()})

    assert settings.database_url == "postgresql+psycopg2://recorder@postgres:5432/recorder"
    assert (settings.host, settings.port) == ("0.0.0.0", 8082)


def test_neither_compose_version_is_asked_for_what_it_does_not_know() -> None:
    assert set(STACK) == {"x-service", "x-recorder", "x-health", "services", "volumes", "networks"}


def test_the_image_installs_what_is_locked_and_does_not_run_as_root() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()

    assert "pip install --require-hashes -r requirements.lock\n" in dockerfile
    assert "\nUSER recorder\n" in dockerfile
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert "!.env" not in ignored
