"""What the requests of one web process share: connections, and limits counted in memory."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from services.web.rate_limit import RateLimit
from shared.bus.connection import RedisClient, connect_redis
from shared.bus.intake import IntakeBus
from shared.intake.alert_intake import AlertIntake
from shared.intake.alert_store import AlertStore
from shared.settings import Settings
from shared.store.database import Engine, connect_database
from shared.store.position_courses import RememberedCourses
from shared.tokens import TokenCipher

INTAKE_CONNECTIONS = 12
INTAKE_PATIENCE_MS = 800  # to find one of the connections, and for each answer; after that Redis keeps the alert
PAGE_CONNECTIONS = 12
PAGE_PATIENCE_SECONDS = 1
LOG_INS_A_MINUTE = 10

_EXTENSION = "recorder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Connections are made when first used. Intake has its own: a slow page must not keep an alert waiting."""

    settings: Settings
    engine: Engine
    redis: RedisClient
    courses: RememberedCourses
    intake_engine: Engine
    intake_bus: IntakeBus
    alert_store: AlertStore
    alerts: AlertIntake
    cipher: TokenCipher
    webhook_limit: RateLimit
    log_in_limit: RateLimit


def connect_backend(settings: Settings) -> Backend:
    """Make the connections that the settings describe."""
    intake_engine = connect_database(
        settings.database_url,
        application="web-intake",
        pool_size=INTAKE_CONNECTIONS,
        patience_ms=INTAKE_PATIENCE_MS,
        ping=False,  # an alert on a broken connection is kept by Redis
        statements_commit=True,
    )
    intake_bus, alert_store = IntakeBus(settings.redis_url), AlertStore(intake_engine)
    webhook_limit = RateLimit(settings.webhook_rate_limit)
    return Backend(
        settings=settings,
        engine=connect_database(settings.database_url, application="web", pool_size=PAGE_CONNECTIONS),
        redis=connect_redis(settings.redis_url, retries=True, timeout_seconds=PAGE_PATIENCE_SECONDS),
        courses=RememberedCourses(),
        intake_engine=intake_engine,
        intake_bus=intake_bus,
        alert_store=alert_store,
        alerts=AlertIntake(alert_store, intake_bus, allows=webhook_limit.allows),
        cipher=TokenCipher(settings.secret_key),
        webhook_limit=webhook_limit,
        log_in_limit=RateLimit(LOG_INS_A_MINUTE),
    )


def install_backend(app: Flask, backend: Backend) -> None:
    """Give the app its backend."""
    app.extensions[_EXTENSION] = backend


def backend_of(app: Flask) -> Backend:
    """The backend that an app was given."""
    return cast("Backend", app.extensions[_EXTENSION])


def backend() -> Backend:
    """The backend of the app that answers the current request."""
    return backend_of(current_app)
