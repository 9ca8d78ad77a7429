"""`recorder compare`: TradingView's list of trades beside what was recorded."""

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from cli.environment import data_option, open_database
from cli.export_logs import only_recorder
from cli.refusals import Refused

if TYPE_CHECKING:
    from shared.domain.trade_comparison import Tolerance, TradeComparison


def _amount(_: click.Context, parameter: click.Parameter, value: str | None) -> Decimal | None:
    """Read a number from 0 up exactly."""
    from shared.domain.refusals import ValueRefused
    from shared.domain.setting_values import amount

    if value is None:
        return None
    try:
        return amount(value)
    except ValueRefused as refusal:
        raise click.BadParameter(str(refusal), param=parameter) from refusal


def _tolerances(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say up to where two trades are one, and two values equal."""
    options = (
        click.option("--window", type=click.IntRange(min=0), help="Seconds between entries of one trade [900]."),
        click.option("--time-tolerance", type=click.IntRange(min=0), help="Seconds between equal times [60]."),
        click.option("--price-tolerance", callback=_amount, metavar="NUMBER", help="Points between equal prices [0]."),
        click.option("--money-tolerance", callback=_amount, metavar="NUMBER", help="Between equal profits [0.01]."),
        click.option(
            "--excursion-tolerance",
            callback=_amount,
            metavar="NUMBER",
            help="Between equal excursions [any].",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--recorder", "name", required=True, metavar="NAME", help="Which recorder.")
@click.option("--trades", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", "user_name", metavar="NAME", help="Whose recorder it is, where several have one of that name.")
@click.option("--timezone", "zone_name", metavar="ZONE", help="The chart's time zone [the recorder's].")
@click.option("--symbol", help="The symbol of the chart, where the recorder trades several.")
@click.option("--since", metavar="TIME", help="Compare entries from this moment on [the recorder was made].")
@_tolerances
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_option
def compare(name: str, path: Path, user_name: str | None, data: Path, *, as_json: bool, **options: Any) -> None:
    """Lay TradingView's exported list of trades (CSV) beside the recorded trades.

    Ends with 1 if a trade is missing or extra, or differs by more than the tolerance.
    """
    comparison = _compared(name, path, user_name, data, options)
    if as_json:
        from shared.comparison_report import describe_comparison

        click.echo(json.dumps(describe_comparison(comparison), indent=2))
    else:
        from shared.comparison_report import comparison_lines

        click.echo("\n".join(comparison_lines(comparison)))
    sys.exit(0 if comparison.agrees else 1)


def _compared(name: str, path: Path, user_name: str | None, data: Path, options: dict[str, Any]) -> "TradeComparison":
    from shared.domain.listed_trades import ListRefused, read_listed_trades
    from shared.domain.refusals import ValueRefused
    from shared.domain.setting_values import timezone_name
    from shared.domain.timestamps import from_datetime, parse_timestamp
    from shared.domain.trade_comparison import compare_trades
    from shared.store.compared_trades import load_recorded_trades

    with open_database(data) as connection:
        recorder = only_recorder(connection, name, user_name)
        recorded = load_recorded_trades(connection, recorder.user_id, recorder.id, options["symbol"])
    try:
        zone = ZoneInfo(timezone_name(options["zone_name"] or recorder.settings.timezone))
        listed = read_listed_trades(path.read_bytes(), zone)
        since = parse_timestamp(options["since"]) if options["since"] else from_datetime(recorder.created_at)
    except ListRefused as refusal:
        raise Refused(f"{path}: {refusal}") from refusal
    except ValueRefused as refusal:
        raise Refused(str(refusal)) from refusal
    return compare_trades(listed, recorded, _tolerance(options), since=since)


def _tolerance(options: dict[str, Any]) -> "Tolerance":
    from shared.domain.trade_comparison import Tolerance

    names = {
        "window": "window_seconds",
        "time_tolerance": "time_seconds",
        "price_tolerance": "price",
        "money_tolerance": "money",
        "excursion_tolerance": "excursions",
    }
    return Tolerance(**{names[name]: options[name] for name in names if options[name] is not None})
