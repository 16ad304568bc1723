"""`chasqui healthcheck`: asks the `chasqui serve` that the settings tell of how it is, as containers do."""

import http.client
import json
import sys
from contextlib import closing

from bots.settings import HttpSettings

_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not to listen
_PATIENCE = 5.0
"""Seconds."""


def probe(settings: HttpSettings, *, live: bool) -> int:
    """Ask whether the process is ready, or only whether it is `live`; prints a word or why, and exits so."""
    host = _host(settings)
    address = f"{f'[{host}]' if ':' in host else host}:{settings.port}"
    if answered := _asked(settings, "/healthz" if live else "/readyz"):
        status, body = answered
        wrong = "" if status == 200 else _told(address, body)
    else:
        wrong = (
            f"No chasqui answers at {address}. Start `chasqui serve`, or correct CHASQUI_HTTP__HOST and "
            "CHASQUI_HTTP__PORT."
        )
    print(wrong or "ok", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def is_ours(settings: HttpSettings) -> bool:
    """Whether a chasqui listens there."""
    answered = _asked(settings, "/readyz")
    try:
        return answered is not None and "wrong" in json.loads(answered[1])
    except (ValueError, TypeError):
        return False


def _host(settings: HttpSettings) -> str:
    return _ANYWHERE.get(settings.host, settings.host)


def _asked(settings: HttpSettings, path: str) -> tuple[int, bytes] | None:
    """The status and the body of what answers there; None where nobody does, or no host is called so."""
    try:
        with closing(http.client.HTTPConnection(_host(settings), settings.port, timeout=_PATIENCE)) as there:
            there.request("GET", path)
            response = there.getresponse()
            return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None


def _told(address: str, body: bytes) -> str:
    """What a process that is not ready says of its parts."""
    try:
        wrong = json.loads(body)["wrong"]
        return "Not ready: " + "; ".join(f"{part}: {why}" for part, why in wrong.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"What answers at {address} is no chasqui. Correct CHASQUI_HTTP__HOST and CHASQUI_HTTP__PORT."
