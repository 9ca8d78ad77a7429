"""What the command line asks of the web service on this machine, over HTTP as anybody would."""

import urllib.error
import urllib.request

ANSWER_WITHIN_SECONDS = 10


class NoAnswer(Exception):
    """The web service did not answer."""


def post_signal(url: str, body: str) -> tuple[int, str]:
    """Post a webhook body; returns status and answer, whichever they are; raises NoAnswer."""
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "text/plain; charset=utf-8"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_SECONDS) as answer:  # noqa: S310 - http, our own
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()
    except OSError as error:
        raise NoAnswer(str(error)) from error


def webhook_url(port: int, webhook_token: str) -> str:
    """Give the address at which this machine takes a recorder's signals."""
    return f"http://127.0.0.1:{port}/webhook/{webhook_token}"


def is_ready(port: int) -> bool:
    """Ask whether the web service, and everything that it needs, is well."""
    return _is_well(port, "/readyz")


def is_alive(port: int) -> bool:
    """Ask whether the web service answers at all."""
    return _is_well(port, "/healthz")


def _is_well(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=ANSWER_WITHIN_SECONDS) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except OSError:
        return False
