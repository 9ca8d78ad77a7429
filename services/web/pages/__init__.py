"""The pages; each module registers its own on the blueprint."""

from services.web.pages import (
    account,
    appearance,
    closing,
    comparison,
    dashboard,
    feed,
    positions,
    recorder_edit,
    recorders,
    signals,
    trades,
    trials,
    voiding,
)
from services.web.pages.blueprint import pages

__all__ = [
    "account",
    "appearance",
    "closing",
    "comparison",
    "dashboard",
    "feed",
    "pages",
    "positions",
    "recorder_edit",
    "recorders",
    "signals",
    "trades",
    "trials",
    "voiding",
]
