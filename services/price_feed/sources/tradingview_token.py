"""Gets the token of a log-in from TradingView's own page; it lasts hours, the log-in's cookies last weeks."""

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Mapping

from services.price_feed.sources.venue import VenueRefused

GUEST_TOKEN = "unauthorized_user_token"  # noqa: S105 - what every guest says
TOKEN = re.compile(rb'"auth_token":\s*"([\w.\-]+)"')
COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
LARGEST_PAGE = 8_000_000
ANSWER_WITHIN_SECONDS = 10
RETRY_AFTER_SECONDS = 60


def fetch_token(site: str, *, session: str, session_sign: str, headers: Mapping[str, str]) -> str:
    """Ask for the page as the one who is logged in. Raises VenueRefused, and OSError while the site is away."""
    if not (COOKIE_VALUE.fullmatch(session) and COOKIE_VALUE.fullmatch(session_sign)):
        raise _refused("TRADINGVIEW_SESSION or TRADINGVIEW_SESSION_SIGN is not the value of a cookie")
    request = urllib.request.Request(f"{site}/", headers=dict(headers))  # noqa: S310 - http or https
    # Cookies do not follow a redirect: they belong to this site alone.
    request.add_unredirected_header("Cookie", f"sessionid={session}; sessionid_sign={session_sign}")
    found = TOKEN.search(_read_page(request))
    if not found or found[1] == GUEST_TOKEN.encode():
        raise _refused("TradingView does not know the log-in of TRADINGVIEW_SESSION any more")
    return found[1].decode()


def _read_page(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_SECONDS) as answer:  # noqa: S310 - http or https
            page: bytes = answer.read(LARGEST_PAGE)
    except urllib.error.HTTPError as error:
        sentence = f"TradingView's page answers with HTTP status {error.code} to the log-in of TRADINGVIEW_SESSION."
        raise VenueRefused(sentence, retry_after_seconds=RETRY_AFTER_SECONDS) from None
    except http.client.HTTPException as error:
        raise ConnectionError(f"TradingView's page broke off: {type(error).__name__}") from error
    return page


def _refused(reason: str) -> VenueRefused:
    advice = "log in to tradingview.com again and copy both cookies, or remove both to get a guest's prices"
    return VenueRefused(f"{reason}: {advice}.", retry_after_seconds=RETRY_AFTER_SECONDS)
