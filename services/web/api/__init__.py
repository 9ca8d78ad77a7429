"""The JSON API under /api/v1; each module registers its resources on the blueprint."""

from services.web.api import contracts, corrections, lists, metrics, recorders, stream, trials
from services.web.api.blueprint import api

__all__ = ["api", "contracts", "corrections", "lists", "metrics", "recorders", "stream", "trials"]
