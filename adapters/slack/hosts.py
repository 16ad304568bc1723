"""Where Slack is: its own hosts, and that of the Web API where the settings name another."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that are Slack to us. Nothing that is secret, or that people said, goes to any other."""

    named: frozenset[str]

    @classmethod
    def of(cls, api_url: str) -> Self:
        """Those of a Web API: files and response URLs may lie where it is, on another port too."""
        host = urlsplit(api_url).hostname or ""
        return cls(_LOOPBACK if host in _LOOPBACK else frozenset({host}))

    def has(self, url: str) -> bool:
        """Whether an address is Slack's."""
        try:
            address = urlsplit(url)
            host = address.hostname or ""
        except ValueError:
            return False
        if host == "slack.com" or host.endswith(".slack.com"):
            return address.scheme == "https"
        return address.scheme in ("http", "https") and host in self.named
