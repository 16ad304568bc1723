"""`chasqui healthcheck`: asks the `chasqui serve` that the settings tell of how it is, as containers do."""

import http.client
import json
import sys

from bots.settings import HttpSettings

_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not to listen
_PATIENCE = 5.0
"""Seconds."""


def probe(settings: HttpSettings, *, live: bool) -> int:
    """Ask whether the process is ready, or only whether it is `live`; prints a word or why, and exits so."""
    host = _ANYWHERE.get(settings.host, settings.host)
    address = f"{f'[{host}]' if ':' in host else host}:{settings.port}"
    connection = http.client.HTTPConnection(host, settings.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/healthz" if live else "/readyz")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        wrong = (
            f"No chasqui answers at {address}. Start `chasqui serve`, or correct CHASQUI_HTTP__HOST and "
            "CHASQUI_HTTP__PORT."
        )
    else:
        wrong = "" if response.status == 200 else _told(address, body)
    finally:
        connection.close()
    print(wrong or "ok", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def is_ours(settings: HttpSettings) -> bool:
    """Whether a chasqui listens there."""
    host = _ANYWHERE.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return "wrong" in json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return False
    finally:
        connection.close()


def _told(address: str, body: bytes) -> str:
    """What a process that is not ready says of its parts."""
    try:
        wrong = json.loads(body)["wrong"]
        return "Not ready: " + "; ".join(f"{part}: {why}" for part, why in wrong.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"What answers at {address} is no chasqui. Correct CHASQUI_HTTP__HOST and CHASQUI_HTTP__PORT."
