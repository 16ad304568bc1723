"""What people attach on Slack, and what we attach."""

import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any
from urllib.parse import urljoin

import aiohttp

from adapters.slack.client import Slack
from adapters.slack.errors import FileGone, Unreachable, Unsupported, mapped, refused
from core.errors import FileRefused, PlatformError
from core.types import Attachment

_REDIRECTS = 3
_PIECE = 1 << 16
_WITHHELD = "chasqui:file?id="
_ID = re.compile(r"/files/\w+/(?P<shown>F\w+)(?:/|\Z)|chasqui:file\?id=(?P<withheld>F\w+)", re.ASCII)
_GONE = "{name} is not there any more. Send it again."
_NOT_LET = (
    "Slack does not let me read {name}. Whoever runs me can install the app again with what "
    "`chasqui manifest slack` prints, which has the scope files:read."
)
_NOT_THERE = {
    "tombstone": _GONE,
    "hidden_by_limit": "{name} is hidden by the limits of this workspace's plan. Send it again.",
    "external": "{name} does not lie on Slack. Attach the file itself.",
}


def of_message(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The files of a message, under the address that people have for them.

    Of people of another workspace only ids are told: `described` knows more.
    """
    files: Iterable[Any] = message.get("files") or ()
    return tuple(_attachment(file) for file in files if isinstance(file, Mapping) and file.get("id"))


def _attachment(file: Mapping[str, Any]) -> Attachment:
    name = str(file.get("name") or file.get("title") or file["id"])
    link = str(file.get("permalink") or "")
    return Attachment(name, link if _ID.search(link) else f"{_WITHHELD}{file['id']}", file.get("size"))


async def described(slack: Slack, file: Attachment) -> Attachment:
    """A file with its name and size, where Slack withheld them; as it was where that cannot be had."""
    if not file.url.startswith(_WITHHELD):
        return file
    try:
        return _attachment((await slack.call("files.info", file=file.url.removeprefix(_WITHHELD)))["file"])
    except PlatformError:
        return file


class Files:
    """Fetches files and sends them. The bot's token goes to Slack only, whatever an address says."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    async def pieces(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """The bytes of a file. Raises FileRefused, and PlatformError where Slack may give them later."""
        url, kind, size = await self._address(file)
        try:
            async with await self._opened(file, url) as response:
                if response.status in (404, 410):
                    raise FileRefused(_GONE.format(name=file.name))
                if response.status != 200:
                    raise refused(response.status, "", response.headers.get("Retry-After", ""))
                is_page = response.content_type == "text/html"
                if is_page and (kind != "text/html" or response.content_length != size):
                    raise FileRefused(_NOT_LET.format(name=file.name))  # it is Slack's login page
                async for piece in response.content.iter_chunked(_PIECE):
                    yield piece
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise FileRefused(f"{file.name} could not be fetched from Slack. Send it again.") from error

    async def _address(self, file: Attachment) -> tuple[str, str, int | None]:
        """Where a file lies now, its type and its size."""
        named = _ID.search(file.url)
        if not named or (named["shown"] and not self._slack.hosts.has(file.url)):
            raise FileRefused(f"{file.name} does not lie on Slack. Attach the file itself.")
        try:
            told = (await self._slack.call("files.info", file=named["shown"] or named["withheld"]))["file"]
        except Unsupported as error:
            raise FileRefused(_NOT_LET.format(name=file.name)) from error
        except (FileGone, Unreachable) as error:
            raise FileRefused(_GONE.format(name=file.name)) from error
        mode = "external" if told.get("is_external") else str(told.get("mode"))
        url = str(told.get("url_private_download") or told.get("url_private") or "")
        if mode in _NOT_THERE or not url:
            raise FileRefused(_NOT_THERE.get(mode, _GONE).format(name=file.name))
        return url, str(told.get("mimetype")), told.get("size")

    async def _opened(self, file: Attachment, url: str) -> aiohttp.ClientResponse:
        """The answer for a file, also where Slack sends us on to another of its own hosts."""
        headers = {"Authorization": f"Bearer {self._slack.web.token}", "Accept-Encoding": "identity"}
        for _ in range(_REDIRECTS):
            if not self._slack.hosts.has(url):
                break
            response = await self._slack.http.get(url, headers=headers, allow_redirects=False)
            if response.status not in (301, 302, 303, 307, 308):
                return response
            response.close()
            url = urljoin(url, response.headers.get("Location", ""))
        raise FileRefused(f"{file.name} does not lie on Slack. Attach the file itself.")

    async def upload(self, name: str, text: str) -> str:
        """Bring a text to Slack, where nobody sees it before it is shared; its id. Raises PlatformError."""
        data = text.encode("utf-8", "replace")
        told = await self._slack.call("files.getUploadURLExternal", filename=name, length=len(data))
        with mapped():
            async with self._slack.http.post(str(told["upload_url"]), data=data) as response:
                if response.status != 200:
                    raise refused(response.status, "")
        return str(told["file_id"])

    async def share(self, file: str, name: str, channel: str, thread: str | None) -> None:
        """Let people see a file that was uploaded. Raises PlatformError."""
        where: dict[str, Any] = {"channel_id": channel} | ({"thread_ts": thread} if thread else {})
        await self._slack.call(
            "files.completeUploadExternal",
            files=[{"id": file, "title": name}],
            initial_comment="The whole answer:",
            **where,
        )

    async def is_shared(self, file: str, channel: str) -> bool:
        """Whether people see a file there. Raises PlatformError."""
        told = (await self._slack.call("files.info", file=file)).get("file") or {}
        return any(channel in (told.get(kind) or ()) for kind in ("channels", "groups", "ims"))
