"""The talk with TradingView over one connection: one quote session with every symbol, made anew when it breaks."""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal

import msgspec

from services.price_feed.sources.tradingview_frames import frame, frame_call, split_frames
from services.price_feed.sources.tradingview_symbol import TradingViewSymbol, Values
from services.price_feed.sources.venue import Heard, Trouble, VenueQuote

FIELDS = ("lp", "lp_time", "bid", "ask", "volume", "update_mode")  # volume: an unchanged price is alive
HEARTBEAT = "~h~"
QUOTES = "qsd"
QUOTE_CALL = f'{{"m":"{QUOTES}",'  # as TradingView writes it: this saves reading twice
BAD_TOKEN = "bad auth token"  # noqa: S105 - what TradingView says, no token
MOST_SESSIONS = 4  # of one connection; one that keeps breaking needs a new connection, not the same call again
RETRY_AFTER_SECONDS = 30

SessionIds = Callable[[], str]


class _QuoteData(msgspec.Struct, gc=False):
    n: str
    s: str = "ok"
    v: Values = msgspec.field(default_factory=Values)
    errmsg: str | None = None


class _OfSymbol(msgspec.Struct, array_like=True, gc=False):
    session: str
    data: _QuoteData


class _QuoteCall(msgspec.Struct, tag_field="m", tag=QUOTES, gc=False):
    """The call that nearly every message is, read in one go."""

    p: _OfSymbol


class _Call(msgspec.Struct, gc=False):
    m: str = ""  # absent in the hello
    p: list[msgspec.Raw] = []


_read_quote_call = msgspec.json.Decoder(_QuoteCall, float_hook=Decimal).decode
_read_call = msgspec.json.Decoder(_Call).decode
_read_text = msgspec.json.Decoder(str).decode
UNREADABLE = (ValueError, ArithmeticError, RecursionError)


class _Hearing(msgspec.Struct, gc=False):
    """What a message came to so far; nearly all of it stays empty, and an empty tuple costs nothing."""

    replies: tuple[str, ...] = ()
    quotes: tuple[VenueQuote, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    missed: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()


class TradingViewConversation:
    """What to say and what is heard on one connection; `new_session_id` gives a fresh id each time."""

    def __init__(self, *, token: str, new_session_id: SessionIds) -> None:
        self._token = token
        self._new_session_id = new_session_id
        self._session = ""
        self._sessions = 0
        self._followed: dict[str, TradingViewSymbol] = {}
        self._listeners = {
            "quote_completed": self._hear_completion,
            "critical_error": self._hear_broken_session,
            "protocol_error": self._hear_end,
        }

    def greet(self) -> Sequence[str]:
        """Log in and begin a quote session; nothing of this is ever answered."""
        return [frame_call("set_auth_token", [self._token]), *self._begin_session()]

    def subscribe(self, names: Collection[str]) -> Sequence[str]:
        """Follow these too."""
        new = [name for name in dict.fromkeys(names) if name not in self._followed]
        self._followed.update((name, TradingViewSymbol(name)) for name in new)
        return [self._call("quote_add_symbols", new), self._fast_symbols()] if new else []

    def unsubscribe(self, names: Collection[str]) -> Sequence[str]:
        """Follow these no longer; what still comes of them is not heard."""
        old = [name for name in dict.fromkeys(names) if self._followed.pop(name, None)]
        calls = [self._call("quote_remove_symbols", old)] if old else []
        return [*calls, self._fast_symbols()] if calls and self._followed else calls

    def hear(self, message: str) -> Heard:
        """Take one message: heartbeats are echoed wherever they stand, unknown calls are passed by."""
        hearing = _Hearing()
        payloads, damage = split_frames(message)
        for payload in payloads:
            self._hear_payload(payload, hearing)
        if damage:
            self._drop(damage, hearing)
        return Heard(
            replies=hearing.replies,
            quotes=hearing.quotes,
            troubles=hearing.troubles,
            missed=hearing.missed,
            alive=hearing.alive,
        )

    def _hear_payload(self, payload: str, hearing: _Hearing) -> None:
        if payload.startswith(HEARTBEAT):
            hearing.replies += (frame(payload),)
            return
        try:
            call = None if payload.startswith(QUOTE_CALL) else _read_call(payload)
            if call is None or call.m == QUOTES:
                self._hear_quotes(_read_quote_call(payload).p, hearing)
            elif call.m in self._listeners:
                self._listeners[call.m](call.p, hearing)
        except UNREADABLE:
            self._drop("a frame that cannot be read", hearing)

    def _drop(self, damage: str, hearing: _Hearing) -> None:
        """Own up to what could not be read: it may have been a price of any symbol."""
        sentence = f"TradingView sent {damage}; it was dropped. If that goes on, its protocol has changed."
        hearing.troubles += (Trouble(kind="unreadable", sentence=sentence),)
        hearing.missed = tuple(self._followed)

    def _hear_quotes(self, said: _OfSymbol, hearing: _Hearing) -> None:
        data = said.data
        followed = self._followed.get(data.n) if said.session == self._session else None
        if followed is None:
            return
        if data.s == "error":
            hearing.troubles += (_refused_symbol(data.n, data.errmsg),)
            return
        self._tell(data.n, followed.merge(data.v), hearing)
        if data.v.update_mode is not None:
            trouble = followed.change_delay(data.v.update_mode)
            hearing.troubles += (trouble,) if trouble else ()

    def _hear_completion(self, arguments: list[msgspec.Raw], hearing: _Hearing) -> None:
        session, name = map(_read_text, arguments[:2])
        followed = self._followed.get(name) if session == self._session else None
        if followed:
            self._tell(name, followed.complete(), hearing)

    def _tell(self, name: str, quote: VenueQuote | None, hearing: _Hearing) -> None:
        if quote:
            hearing.quotes += (quote,)
        else:
            hearing.alive += (name,)

    def _hear_broken_session(self, arguments: list[msgspec.Raw], hearing: _Hearing) -> None:
        session, *reasons = arguments
        if _read_text(session) != self._session:
            return
        hearing.missed = tuple(self._followed)
        if self._sessions < MOST_SESSIONS:
            hearing.replies += tuple(self._begin_session())
            names = list(self._followed)
            self._followed.clear()
            hearing.replies += tuple(self.subscribe(names))
        else:
            sentence = f"TradingView breaks off every quote session ({_said(reasons)}); it is connected anew."
            hearing.troubles += (Trouble(kind="refused", sentence=sentence),)

    def _hear_end(self, arguments: list[msgspec.Raw], hearing: _Hearing) -> None:
        said = _said(arguments)
        if said == BAD_TOKEN:
            sentence = (
                "TradingView does not accept the log-in's token; a fresh one is fetched. If that goes on, log in to "
                "tradingview.com again and renew TRADINGVIEW_SESSION and TRADINGVIEW_SESSION_SIGN, or remove them "
                "to get a guest's prices."
            )
        else:
            sentence = f"TradingView ends the connection: {said}."
        trouble = Trouble(kind="refused", sentence=sentence, retry_after_seconds=RETRY_AFTER_SECONDS)
        hearing.troubles += (trouble,)

    def _begin_session(self) -> list[str]:
        self._session = self._new_session_id()
        self._sessions += 1
        return [self._call("quote_create_session", ()), self._call("quote_set_fields", FIELDS)]

    def _fast_symbols(self) -> str:
        """Ask for full speed; the call names all symbols, as it may replace those of the call before."""
        return self._call("quote_fast_symbols", list(self._followed))

    def _call(self, method: str, arguments: Sequence[str]) -> str:
        return frame_call(method, [self._session, *arguments])


def _refused_symbol(name: str, reason: str | None) -> Trouble:
    if reason in {None, "no_such_symbol"}:
        sentence = f"TradingView has no symbol {name}: check the contract's exchange, and the symbol."
    else:
        sentence = f"TradingView does not give prices of {name}: {reason}."
    return Trouble(kind="unknown_symbol", sentence=sentence, name=name)


def _said(arguments: list[msgspec.Raw]) -> str:
    said = (str(msgspec.json.decode(argument))[:200] for argument in arguments[:3])
    return ", ".join(said) or "no reason given"
