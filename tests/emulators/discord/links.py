"""Links to files, which are signed and run out, as those of cdn.discordapp.com.

https://discord.com/developers/docs/reference#signed-attachment-cdn-urls
"""

import hashlib
import hmac
from urllib.parse import quote, urlsplit

from yarl import URL

from tests.emulators.discord.model import File
from tests.emulators.discord.world import World

LIFE = 24 * 3600
"""Seconds for which a link is good."""

SECRET = b"not a secret: it signs links of a stand-in"


def signed(world: World, file: File) -> str:
    """A link to a file that is good from now on."""
    issued = int(world.clock.now())
    path = _path(file)
    sign = _sign(world, path, issued + LIFE, issued)
    return f"{world.address}{path}?ex={issued + LIFE:x}&is={issued:x}&hm={sign}&"


def refreshed(world: World, link: str) -> str:
    """A new link to the file of an old one, or the same where there is no such file."""
    found = world.files.get(_id(urlsplit(link).path))
    return signed(world, found) if found else link


def _path(file: File) -> str:
    kind = "ephemeral-attachments" if file.ephemeral else "attachments"
    return f"/{kind}/{file.channel}/{file.id}/{quote(file.name)}"


def _id(path: str) -> str:
    parts = path.split("/")
    return parts[3] if len(parts) > 3 else ""


def _sign(world: World, path: str, until: int, issued: int) -> str:
    signed = f"{world.links} {path}?ex={until:x}&is={issued:x}"
    return hmac.new(SECRET, signed.encode(), hashlib.sha256).hexdigest()


def good(world: World, url: URL) -> bool:
    """Whether a link was signed here and has not run out."""
    try:
        until, issued = int(url.query["ex"], 16), int(url.query["is"], 16)
        right = hmac.compare_digest(url.query["hm"], _sign(world, url.raw_path, until, issued))
    except (KeyError, ValueError):
        return False
    return right and world.clock.now() < until
