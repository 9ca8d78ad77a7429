"""What all tables are made with: their names of constraints, and columns that many of them have."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, MetaData, Numeric, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity() -> Column[Any]:
    """Number the rows."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def moment(name: str, *, nullable: bool = True) -> Column[Any]:
    """Keep a point in time."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def stamped_now(name: str) -> Column[Any]:
    """Keep when the row was written."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp())


def money(name: str, *, nullable: bool = True) -> Column[Any]:
    """Keep a price or an amount exactly as the core computed it."""
    return Column(name, Numeric, nullable=nullable)


def voided_by() -> Column[Any]:
    """Name the correction that took a row out of what counts; the logs know nothing more of one that is `voided`."""
    return Column("voided_by", ForeignKey("recorded_signals.id", deferrable=True, initially="DEFERRED"))
