"""The `recorder` command. What a command needs is imported when it runs, so that `--help` is quick."""

import click

from cli.administration import recorder, user
from cli.audit import audit
from cli.bench.command import bench
from cli.compare import compare
from cli.demo import demo
from cli.export_logs import export_logs
from cli.feed import feed
from cli.health import health
from cli.parts import migrate, price_feed, recorder_worker, tpsl_worker, web
from cli.record import record
from cli.replay import replay
from cli.signals import signal
from cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Keep score of TradingView strategies, with the true drawdown of every trade."""


for command in (
    up,
    web,
    price_feed,
    recorder_worker,
    tpsl_worker,
    migrate,
    health,
    replay,
    record,
    feed,
    export_logs,
    audit,
    compare,
    user,
    recorder,
    signal,
    bench,
    demo,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
