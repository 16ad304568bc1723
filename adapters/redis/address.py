"""What a person may write as CHASQUI_REDIS__URL."""

from urllib.parse import SplitResult, parse_qs, urlsplit

from core.errors import SettingsError

_OPTIONS = frozenset(
    {"db", "password", "username"}
    | {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
_SIGNS = "in a user name or password write the signs @ : / ? # % as %40 %3A %2F %3F %23 %25"


def checked(url: str) -> str:
    """The address without credentials, fit for people and logs. Refuses what redis-py passes over."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise unusable(f"its host or port cannot be read; {_SIGNS}") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise unusable("it must begin with redis://, rediss:// or unix://")
    if parts.fragment or "@" in parts.path + parts.query:
        raise unusable(_SIGNS)
    unknown = parse_qs(parts.query, keep_blank_values=True).keys() - _OPTIONS
    if unknown:
        raise unusable(f"there is no option {min(unknown)!r}")
    return _unix_address(parts) if parts.scheme == "unix" else _network_address(parts, port)


def unusable(why: str) -> SettingsError:
    """The one sentence about an address that cannot be used."""
    return SettingsError(f"CHASQUI_REDIS__URL cannot be used: {why}.")


def _unix_address(parts: SplitResult) -> str:
    if parts.hostname or len(parts.path) < 2:
        raise unusable("a socket is written with its whole path, as unix:///run/valkey.sock")
    return f"unix://{parts.path}"


def _network_address(parts: SplitResult, port: int | None) -> str:
    database = parts.path.strip("/")
    if database and not database.isdecimal():
        raise unusable(
            "after the host may stand only the number of a database, as in redis://localhost:6379/0"
        )
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port or 6379}/{database or 0}"
