"""What the environment says about venues: addresses, which tests and proxies may replace, and who we are there."""

from dataclasses import dataclass, field

from shared.environment import Given

WEBSOCKET_SCHEMES = ("wss://", "ws://")
HTTP_SCHEMES = ("https://", "http://")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """Where the venues are, and our account at each; nothing secret is in the repr."""

    tradingview_url: str = "wss://data.tradingview.com/socket.io/websocket"
    tradingview_site: str = "https://www.tradingview.com"
    tradingview_session: str = field(default="", repr=False)
    tradingview_session_sign: str = field(default="", repr=False)
    tradovate_url: str = "https://live.tradovateapi.com/v1"
    tradovate_md_url: str = "wss://md.tradovateapi.com/v1/websocket"
    tradovate_username: str = field(default="", repr=False)
    tradovate_password: str = field(default="", repr=False)
    tradovate_app_id: str = ""
    tradovate_cid: str = field(default="", repr=False)
    tradovate_secret: str = field(default="", repr=False)
    tradovate_device_id: str = ""
    tradovate_access_token: str = field(default="", repr=False)
    coinbase_url: str = "wss://ws-feed.exchange.coinbase.com"
    kraken_url: str = "wss://ws.kraken.com/v2"


def read_venue_settings(given: Given) -> VenueSettings:
    """Read them; raises SettingsError."""
    usual = VenueSettings()
    return VenueSettings(
        tradingview_url=given.address("TRADINGVIEW_URL", WEBSOCKET_SCHEMES, default=usual.tradingview_url),
        tradingview_site=given.address("TRADINGVIEW_SITE", HTTP_SCHEMES, default=usual.tradingview_site),
        tradingview_session=given.text("TRADINGVIEW_SESSION"),
        tradingview_session_sign=given.text("TRADINGVIEW_SESSION_SIGN"),
        tradovate_url=given.address("TRADOVATE_URL", HTTP_SCHEMES, default=usual.tradovate_url),
        tradovate_md_url=given.address("TRADOVATE_MD_URL", WEBSOCKET_SCHEMES, default=usual.tradovate_md_url),
        tradovate_username=given.text("TRADOVATE_USERNAME"),
        tradovate_password=given.text("TRADOVATE_PASSWORD"),
        tradovate_app_id=given.text("TRADOVATE_APP_ID"),
        tradovate_cid=given.text("TRADOVATE_CID"),
        tradovate_secret=given.text("TRADOVATE_SECRET"),
        tradovate_device_id=given.text("TRADOVATE_DEVICE_ID"),
        tradovate_access_token=given.text("TRADOVATE_ACCESS_TOKEN"),
        coinbase_url=given.address("COINBASE_URL", WEBSOCKET_SCHEMES, default=usual.coinbase_url),
        kraken_url=given.address("KRAKEN_URL", WEBSOCKET_SCHEMES, default=usual.kraken_url),
    )
