"""What somebody asks of the tester: an alert, and what to suppose; it is not answered here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from shared.domain.numbers import parse_positive
from shared.domain.refusals import ValueRefused
from shared.domain.setting_values import at_least_one, line, number_text, one_of

Supposed = Literal["now", "flat", "long", "short"]
OrderAction = Literal["buy", "sell"]


class TrialRefused(ValueError):
    """What is supposed makes no sense; `errors` maps each field to its reason."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in self.errors.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An alert to try, and what it is supposed to meet.

    `held` "now" is what the recorder holds; otherwise `held_quantity` contracts entered at `held_price`, or at the
    last price if None. `last_price` None is that of the last tick. `ticker` and the order stand for placeholders.
    """

    body: str
    held: Supposed = "now"
    held_quantity: int = 1
    held_price: Decimal | None = None
    last_price: Decimal | None = None
    ticker: str | None = None
    order_action: OrderAction = "buy"
    order_contracts: int = 1

    @property
    def held_signed(self) -> int:
        """The supposed position, negative when short; 0 when flat."""
        return {"long": self.held_quantity, "short": -self.held_quantity}.get(self.held, 0)

    @property
    def order_signed(self) -> int:
        """The contracts of the order, negative where it sells."""
        return self.order_contracts if self.order_action == "buy" else -self.order_contracts


def parse_trial(body: str, given: Mapping[str, object]) -> Trial:
    """Read what is to be supposed from JSON or a form, null and blanks as not given; raises TrialRefused."""
    errors = {name: "is not a field" for name in given if name not in READERS}
    values: dict[str, Any] = {}
    for name, read in READERS.items():
        value = given.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        try:
            values[name] = read(value)
        except ValueRefused as refusal:
            errors[name] = str(refusal)
    if errors:
        raise TrialRefused(errors)
    return Trial(body=body, **values)


def _price(value: object) -> Decimal:
    return parse_positive(number_text(value))


READERS: Mapping[str, Callable[[object], object]] = {
    "held": one_of(*get_args(Supposed)),
    "held_quantity": at_least_one,
    "held_price": _price,
    "last_price": _price,
    "ticker": line,
    "order_action": one_of(*get_args(OrderAction)),
    "order_contracts": at_least_one,
}
