"""Exact decimal arithmetic: the context that refuses to round, means, and plain notation."""

from contextlib import AbstractContextManager
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext

from shared.domain.exact_fraction import Fraction

MEAN_DECIMALS = 10
_PRECISION = 100
_EXACT = Context(prec=_PRECISION, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_WIDE = Context(prec=_PRECISION, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_QUANTUM = Decimal(1).scaleb(-MEAN_DECIMALS)


def exact() -> AbstractContextManager[Context]:
    """Raise `decimal.Inexact` instead of rounding, within a `with` block."""
    return localcontext(_EXACT)


def quotient(dividend: Decimal | Fraction, divisor: Decimal | int) -> Decimal:
    """Divide exactly where the result terminates; else round half-even at 10 decimals."""
    return decimal_of(Fraction(dividend) / Fraction(divisor))


def decimal_of(value: Fraction) -> Decimal:
    """Write a fraction as a decimal, exact where it terminates, else rounded half-even at 10 decimals."""
    divided = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    return divided if Fraction(divided) == value else divided.quantize(_QUANTUM, context=_WIDE)
