"""Starts the price feed from the environment."""

import os
import sys

from services.price_feed.feed import run
from shared.logs import configure_logging
from shared.settings import SettingsError, load_settings
from shared.ticks_file import TicksFileError

WRONG_INPUT = 2


def main() -> int:
    """Run until stopped; wrong settings and damaged files are one line and exit code 2."""
    try:
        settings = load_settings(os.environ)
        configure_logging(settings.log_level)
        return run(settings)
    except (SettingsError, TicksFileError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return WRONG_INPUT


if __name__ == "__main__":
    sys.exit(main())
