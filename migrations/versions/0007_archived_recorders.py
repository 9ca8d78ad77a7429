"""A recorder can be archived: it is stopped and out of the lists, its history stays."""

from alembic import op
from sqlalchemy import Column, DateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the moment at which it was."""
    op.add_column("recorders", Column("archived_at", DateTime(timezone=True)))
    archived = op.f("ck_recorders_archived")
    op.create_check_constraint(archived, "recorders", "archived_at IS NULL OR NOT recording_enabled")
