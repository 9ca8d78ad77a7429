"""Versions of recorders' settings, which never change."""

import json
from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import Connection, Text, cast, func, select

from shared.domain.recorder_settings import RecorderSettings, parse_recorder_settings
from shared.store.tables import recorder_settings


def load_settings_versions(connection: Connection, settings_ids: Collection[int]) -> dict[int, RecorderSettings]:
    """Load these versions of settings, whether or not they are still in force."""
    rows = connection.execute(
        select(recorder_settings.c.id, cast(recorder_settings.c.settings, Text).label("written")).where(
            recorder_settings.c.id == func.any(sorted(settings_ids))
        )
    )
    return {row.id: parse_written(row.written) for row in rows}


@lru_cache(maxsize=10_000)  # reading them takes longer than all else that a signal costs
def parse_written(written: str) -> RecorderSettings:
    """Read settings as a version has them, as text."""
    return parse_recorder_settings(json.loads(written))
