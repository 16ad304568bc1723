"""Mistakes in the settings and on this machine that are seen without asking anybody: each with its mend.

A setting that does not exist or cannot be read is an error wherever settings are loaded; these are values
that are accepted and will not do.
"""

import os
import re
import resource
import socket
import stat
import tomllib
from collections.abc import Iterator, Mapping

from pydantic import SecretStr

from bots import traces
from bots.check import Check
from bots.config import variable
from bots.probe import is_ours
from bots.settings import FILE, Settings, secrets

_FILES_WANTED = 1024
_LOOPBACK = ("127.", "localhost", "::1")


def all_of(settings: Settings) -> Iterator[Check]:
    """Every mistake that there is, and what may be one; nothing where there is none."""
    yield from _tokens(settings)
    yield from _slack(settings)
    yield from _channels(settings)
    yield from _bounds(settings)
    yield from _addresses(settings)
    yield from _readable_secrets()
    yield from _port(settings)
    yield from _open_files()
    if problem := traces.wrong():
        yield problem


def _tokens(settings: Settings) -> Iterator[Check]:
    """Tokens as they are wrongly copied."""
    for name, secret in _secrets(settings).items():
        value = secret.get_secret_value()
        if not value.strip() and os.environ.get(f"{name}_FILE"):
            yield Check(name, True, "its file is empty, so it counts as not set")
        elif not value.strip():
            yield Check(name, False, "the value is empty", f"Give {name} its value, or take it away.")
        elif value != value.strip() or re.search(r"[\"'\s]", value):
            yield Check(name, False, "the value holds quotes or spaces", "Copy it again, without them.")
    token = settings.discord.token
    if token and token.get_secret_value().count(".") != 2:
        found = "this is no bot token: it has two dots"
        mend = "Copy the token from Bot in the Developer Portal, not the client secret or the public key."
        yield Check("CHASQUI_DISCORD__TOKEN", False, found, mend)


def _slack(settings: Settings) -> Iterator[Check]:
    """Tokens of Slack that stand in each other's place, and modes that lack theirs."""
    ours = settings.slack
    if not ours.bot_token:
        if ours.app_token or ours.signing_secret:
            found = "Slack's app is set up, but its bot has no token"
            yield Check("slack", False, found, "Set CHASQUI_SLACK__BOT_TOKEN, from OAuth & Permissions.")
        return
    if not ours.bot_token.get_secret_value().startswith("xoxb-"):
        found = "CHASQUI_SLACK__BOT_TOKEN is no bot token: those begin with xoxb-"
        yield Check("slack", False, found, "Copy the Bot User OAuth Token from OAuth & Permissions.")
    if ours.mode == "socket":
        if not ours.app_token:
            found = "Socket Mode needs the app-level token"
            mend = "Set CHASQUI_SLACK__APP_TOKEN, from Basic Information, or CHASQUI_SLACK__MODE=http."
            yield Check("slack", False, found, mend)
        elif not ours.app_token.get_secret_value().startswith("xapp-"):
            found = "CHASQUI_SLACK__APP_TOKEN is no app-level token: those begin with xapp-"
            yield Check("slack", False, found, "Make one under Basic Information, with connections:write.")
        return
    if not ours.signing_secret:
        found = "HTTP mode needs the secret with which Slack signs"
        yield Check("slack", False, found, "Set CHASQUI_SLACK__SIGNING_SECRET, from Basic Information.")
    if settings.http.host.startswith(_LOOPBACK):
        found = f"Slack's requests cannot reach {settings.http.host}"
        mend = "Let a proxy on this machine pass /slack/events on, or set CHASQUI_HTTP__HOST=0.0.0.0."
        yield Check("slack", False, found, mend)


def _channels(settings: Settings) -> Iterator[Check]:
    """Channels and people that are named as people see them, not by their ids."""
    shapes = (
        ("discord", settings.discord.channels, r"\d{15,21}", "its number"),
        ("slack", settings.slack.channels, r"[A-Z][A-Z0-9]{5,}", "its id, as C0123ABCD"),
    )
    for platform, channels, shape, how in shapes:
        for name in channels:
            if not re.fullmatch(shape, name):
                found = f"[{platform}.channels.{name}] names nothing on {platform.title()}"
                yield Check(platform, False, found, f"Name it by {how}: Copy ID or Copy link shows that.")
    people = {"moderator": settings.slack.moderators, "curator": settings.slack.curators}
    for what, names in people.items():
        for name in names:
            if not re.fullmatch(r"[UW][A-Z0-9]{5,}", name):
                found = f"the {what} {name} is nobody on Slack"
                mend = "Name people by their member ID: their profile has Copy member ID."
                yield Check("slack", False, found, mend)


def _bounds(settings: Settings) -> Iterator[Check]:
    """Numbers that contradict each other."""
    inbox = settings.inbox
    if inbox.per_person > inbox.in_all:
        found = f"one person may ask {inbox.per_person} questions, all together {inbox.in_all}"
        yield Check("inbox", False, found, "Let CHASQUI_INBOX__IN_ALL be the larger one.")
    backend = settings.backend
    if backend.next_token_seconds > backend.longest_silence:
        found = "the silence between two tokens may last longer than the wait for the first one"
        mend = "Let CHASQUI_BACKEND__FIRST_TOKEN_SECONDS be the larger one: 60, and 30 for the next."
        yield Check("backend", False, found, mend)


def _addresses(settings: Settings) -> Iterator[Check]:
    """Addresses at which nobody can answer, or at which the wrong one does."""
    own = f":{settings.http.port}"
    for url in settings.backend.addresses:
        address = url.removeprefix("http://").removesuffix("/")
        if any(address.startswith(host) for host in _LOOPBACK) and address.endswith(own):
            found = f"{url} is the address at which chasqui itself listens"
            yield Check("backend", False, found, "Give CHASQUI_HTTP__PORT another port than the model's.")
    if len(set(settings.backend.urls)) < len(settings.backend.urls):
        found = "CHASQUI_BACKEND__URLS names one address twice"
        yield Check("backend", False, found, "Name each replica once: its slots would be counted twice.")


def _readable_secrets() -> Iterator[Check]:
    """A file with secrets that everybody on this machine can read."""
    try:
        mode, given = FILE.stat().st_mode, tomllib.loads(FILE.read_text("utf-8"))
    except FileNotFoundError:
        return
    others = given.get("backend", {}).get("others", {})
    tables = {**given, **{f"backend.others.{name}": table for name, table in others.items()}}
    secret = [
        f"{name}.{key}"
        for name, table in tables.items()
        for section, key in secrets()
        if name.partition(".")[0] == section and key in table
    ]
    if secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        found = f"{FILE} holds {secret[0]}, and others on this machine can read it"
        yield Check("secrets", False, found, f"chmod 600 {FILE}")


def _port(settings: Settings) -> Iterator[Check]:
    """A port at which another program listens."""
    http = settings.http
    if is_ours(http):
        return
    with socket.socket(socket.AF_INET6 if ":" in http.host else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((http.host, http.port))
        except OSError as error:
            found = f"nothing can listen on {http.host}, port {http.port}: {error.strerror}"
            mend = "Set CHASQUI_HTTP__HOST and CHASQUI_HTTP__PORT to a free address of this machine."
            yield Check("http", False, found, mend)


def _open_files() -> Iterator[Check]:
    """A limit under which many answers at once run out of connections."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= most < _FILES_WANTED:
        found = f"this process may open {most} files and connections"
        yield Check("open files", False, found, "ulimit -n 4096, or LimitNOFILE in the unit of systemd.")


def _secrets(settings: Settings) -> Mapping[str, SecretStr]:
    """The secrets that are set, by their variables; tables of them are left out."""
    values = {
        variable(f"{section}.{key}"): getattr(getattr(settings, section), key) for section, key in secrets()
    }
    return {name: value for name, value in values.items() if isinstance(value, SecretStr)}
