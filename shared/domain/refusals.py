"""Why a text or a value is not taken; each message is one sentence that a trader can act on."""


class ValueRefused(ValueError):
    """A single value does not read; the message shows the value but does not know its field."""


class SignalRefused(ValueError):
    """A webhook body is not a signal; the message is its reason, the body itself is kept elsewhere."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
