"""The venues by the words that choose them, each made from the settings."""

from collections.abc import Callable, Mapping

from services.price_feed.sources.coinbase import CoinbaseVenue
from services.price_feed.sources.kraken import KrakenVenue
from services.price_feed.sources.tradingview import TradingView
from services.price_feed.sources.tradovate import TradovateVenue
from services.price_feed.sources.tradovate_access import TradovateAccess
from services.price_feed.sources.tradovate_account import TradovateAccount
from services.price_feed.sources.venue import Venue
from shared.domain.refusals import ValueRefused
from shared.domain.rolls import check_front_months
from shared.settings import Settings, SettingsError

VenueMaker = Callable[[Settings], Venue]


def open_venues(settings: Settings) -> list[Venue]:
    """Make the adapters that FEED names, in its order; raises SettingsError."""
    missing = [name for name in settings.live_feeds if name not in VENUES]
    if missing or not settings.live_feeds:
        message = f"FEED is {settings.feed!r}: there is no such source of prices, or FEED_TICKS is missing."
        raise SettingsError(message)
    return [VENUES[name](settings) for name in settings.live_feeds]


def _tradingview(settings: Settings) -> Venue:
    ours = settings.venues
    return TradingView(
        url=ours.tradingview_url,
        site=ours.tradingview_site,
        session=ours.tradingview_session,
        session_sign=ours.tradingview_session_sign,
        front_months=_front_months(settings),
    )


def _tradovate(settings: Settings) -> Venue:
    ours = settings.venues
    account = TradovateAccount(
        username=ours.tradovate_username,
        password=ours.tradovate_password,
        app_id=ours.tradovate_app_id,
        cid=ours.tradovate_cid,
        secret=ours.tradovate_secret,
        device_id=ours.tradovate_device_id,
        access_token=ours.tradovate_access_token,
    )
    if not account.can_log_in and not account.access_token:
        message = "FEED names tradovate: set TRADOVATE_USERNAME and TRADOVATE_PASSWORD, or TRADOVATE_ACCESS_TOKEN."
        raise SettingsError(message)
    access = TradovateAccess(account, ours.tradovate_url.rstrip("/"))
    return TradovateVenue(access=access, url=ours.tradovate_md_url, front_months=_front_months(settings))


def _front_months(settings: Settings) -> Mapping[str, str]:
    try:
        return check_front_months(settings.feed_front_months)
    except ValueRefused as refusal:
        raise SettingsError(f"FEED_FRONT_MONTHS: {refusal}.") from refusal


VENUES: dict[str, VenueMaker] = {
    "tradingview": _tradingview,
    "tradovate": _tradovate,
    "coinbase": lambda settings: CoinbaseVenue(url=settings.venues.coinbase_url),
    "kraken": lambda settings: KrakenVenue(url=settings.venues.kraken_url),
}
