"""A request as WSGI describes it (PEP 3333), of one as the server describes it (RSGI)."""

import sys
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from granian.rsgi import Scope
from werkzeug.middleware.proxy_fix import ProxyFix

Environ = dict[str, Any]


def wsgi_environ(scope: Scope, body: bytes) -> Environ:
    """Describe a request whose body was read."""
    server = urlsplit(f"//{scope.server}")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.hostname,
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": urlsplit(f"//{scope.client}").hostname,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # undone
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def sender_address(scope: Scope, proxies: int) -> str:
    """Return the address of the client, which so many proxies in front of the service tell."""
    environ = wsgi_environ(scope, b"")
    ProxyFix(lambda *_: (), x_for=proxies)(environ, lambda *_: lambda _: None)
    return str(environ["REMOTE_ADDR"])
