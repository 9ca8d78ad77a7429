"""How a command says no: one line on standard error, no traceback, exit code 2."""

import click


class Refused(click.ClickException):
    """The command cannot do what it was asked; the message says why and what to do."""

    exit_code = 2
