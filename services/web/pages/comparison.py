"""TradingView's exported list of trades, uploaded to be laid beside what was recorded; nothing of it is stored."""

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request

from services.web.backend import backend
from services.web.comparison_view import view_comparison
from services.web.pages.blueprint import pages
from services.web.pages.recorders import own_recorder
from services.web.pages.viewer import viewer
from shared.domain.listed_trades import ListedTrade, ListRefused, read_listed_trades
from shared.domain.refusals import ValueRefused
from shared.domain.setting_values import amount, line, timezone_name, whole
from shared.domain.timestamps import from_datetime
from shared.domain.trade_comparison import Tolerance, TradeComparison, compare_trades
from shared.store.compared_trades import load_recorded_trades
from shared.store.recorders import Recorder

UNPROCESSABLE = 422
LARGEST_LIST = 4 * 1024 * 1024
FIRST_SHOWN = {"window_seconds": "900", "time_seconds": "60", "price": "0", "money": "0.01"}
TOLERANCES: Mapping[str, Callable[[object], object]] = {
    "window_seconds": whole,
    "time_seconds": whole,
    "price": amount,
    "money": amount,
    "excursions": amount,
}
READERS: Mapping[str, Callable[[object], Any]] = {"timezone": timezone_name, "symbol": line, **TOLERANCES}


class _Refused(ValueError):
    """Some fields are wrong; `errors` maps each to its reason."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


@pages.get("/recorders/<int:recorder_id>/compare")
def comparison(recorder_id: int) -> str:
    """Ask for the list."""
    recorder = own_recorder(recorder_id)
    return _page(recorder, FIRST_SHOWN | {"timezone": recorder.settings.timezone})


@pages.post("/recorders/<int:recorder_id>/compare")
def compared(recorder_id: int) -> str | tuple[str, int]:
    """Show both lists beside each other."""
    request.max_content_length = LARGEST_LIST
    recorder = own_recorder(recorder_id)
    typed = {name: request.form.get(name, "").strip() for name in READERS}
    try:
        values = _read(typed)
        listed = _listed(ZoneInfo(values.pop("timezone", recorder.settings.timezone)))
    except _Refused as refused:
        return _page(recorder, typed, errors=refused.errors), UNPROCESSABLE
    with backend().engine.connect() as connection:
        recorded = load_recorded_trades(connection, viewer().id, recorder.id, values.pop("symbol", None))
    since = from_datetime(recorder.created_at)
    return _page(recorder, typed, answer=compare_trades(listed, recorded, Tolerance(**values), since=since))


def _read(typed: Mapping[str, str]) -> dict[str, Any]:
    """Read what was typed, blanks as not given; raises _Refused with every error."""
    values: dict[str, Any] = {}
    errors = {}
    for name, text in typed.items():
        try:
            if text:
                values[name] = READERS[name](text)
        except ValueRefused as refusal:
            errors[name] = str(refusal)
    if errors:
        raise _Refused(errors)
    return values


def _listed(zone: ZoneInfo) -> list[ListedTrade]:
    upload = request.files.get("trades")
    if upload is None or not upload.filename:
        raise _Refused({"trades": "Choose the file."})
    try:
        return read_listed_trades(upload.read(), zone)
    except ListRefused as refusal:
        raise _Refused({"trades": str(refusal)}) from refusal


def _page(
    recorder: Recorder,
    typed: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    answer: TradeComparison | None = None,
) -> str:
    rows, more = view_comparison(answer) if answer else ([], 0)
    return render_template(
        "comparison.html", recorder=recorder, typed=typed, errors=errors or {}, answer=answer, rows=rows, more=more
    )
