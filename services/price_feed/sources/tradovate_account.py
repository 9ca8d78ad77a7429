"""Who we are at Tradovate; nothing of it is ever shown."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TradovateAccount:
    """Who we are there: a user with the key of an API, or a token that somebody fetched for us."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    app_id: str = ""
    cid: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    device_id: str = ""
    access_token: str = field(default="", repr=False)

    @property
    def can_log_in(self) -> bool:
        """Whether there is a name and a password."""
        return bool(self.username and self.password)

    def log_in(self) -> dict[str, Any]:
        """Return the body of a log-in."""
        given = {
            "name": self.username,
            "password": self.password,
            "appId": self.app_id or "trade-recorder",
            "appVersion": "1.0",
            "cid": int(self.cid) if self.cid.isdecimal() else self.cid,
            "sec": self.secret,
            "deviceId": self.device_id,
        }
        return {name: value for name, value in given.items() if value != ""}
