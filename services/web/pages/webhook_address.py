"""The addresses that alerts are posted to, as pages show them."""

import json
from collections.abc import Mapping
from ipaddress import ip_address

from flask import request, url_for

from services.web.backend import backend
from shared.store.users import User
from shared.tokens import TokenUnreadable


def common_address_parts(user: User, example: str = "Opening range") -> Mapping[str, object]:
    """What shows the URL that serves all of a user's recorders; the example is the name of one."""
    return {
        "common_url": webhook_address(user.webhook_token_encrypted),
        "url_is_local": address_is_local(),
        "name": example,
        "named": json.dumps(example, ensure_ascii=False),
    }


def webhook_address(token_encrypted: bytes) -> str | None:
    """The address to paste; None where the stored token cannot be read any more."""
    try:
        token = backend().cipher.decrypt(token_encrypted)
    except TokenUnreadable:
        return None
    return url_for("webhooks.describe_url", token=token, _external=True)


def address_is_local() -> bool:
    """Whether TradingView could not reach this host: a name or an address of this machine or network."""
    host = request.host
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        return not ip_address(name.strip("[]")).is_global
    except ValueError:
        return name == "localhost" or "." not in name
