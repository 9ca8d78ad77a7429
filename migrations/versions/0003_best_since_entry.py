"""A stop that follows the price needs the best tick since the last entry, which flushes keep up to date."""

from alembic import op
from sqlalchemy import Column, Numeric

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the best tick; positions opened before have no exit that depends on it, nor on the basis that they get."""
    op.add_column("recorder_positions", Column("best_since_entry", Numeric))
    op.execute(_BASIS)


_BASIS = """
    UPDATE recorder_positions SET exit_plan = exit_plan || jsonb_build_object('basis', jsonb_build_object(
        'price', avg_entry_price::text,
        'value', (avg_entry_price * total_quantity)::text,
        'quantity', total_quantity
    ))
    WHERE status = 'open'
"""
