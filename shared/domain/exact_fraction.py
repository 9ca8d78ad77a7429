"""Exact fractions, which levels and averages are computed in: those of the standard library, compiled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the compiled ones come without types, and take a tenth of the time
    from fractions import Fraction
else:
    from quicktions import Fraction

__all__ = ["Fraction"]
