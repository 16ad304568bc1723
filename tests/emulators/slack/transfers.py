"""Files on their way: downloads for those who have the token, and uploads."""

from collections.abc import Iterator

from aiohttp import web

from tests.emulators.slack.faults import LOGIN_PAGE
from tests.emulators.slack.model import File
from tests.emulators.slack.platform import Call, Platform

PIECE = 1 << 16


async def download(
    platform: Platform, request: web.Request, call: Call, cut: int | None
) -> web.StreamResponse:
    """A file, or the login page for whoever may not have it; after `cut` bytes, if given, it stops."""
    file = platform.world.files.get(request.match_info["file"])
    if not _allowed(platform, request.headers.get("Authorization", "")):
        return web.Response(text=LOGIN_PAGE, content_type="text/html")
    if file is None or file.deleted or request.match_info["team"] != platform.world.team.id:
        return web.Response(status=404, text="File not found")
    headers = {"Content-Type": file.mimetype}
    if file.serves >= 0:
        headers["Content-Length"] = str(file.serves)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for piece in _pieces(file):
        allowed = piece if cut is None else piece[: cut - call.sent]
        await response.write(allowed)
        call.sent += len(allowed)
        if cut is not None and call.sent >= cut:
            break
    if cut is not None and request.transport:
        request.transport.abort()
    return response


async def upload(platform: Platform, request: web.Request) -> web.Response:
    """The bytes of a file that the app announced, as they are or in a form."""
    file = platform.world.files.get(request.match_info["file"])
    if file is None or file.uploaded:
        return web.Response(status=404, text="File not found")
    if request.content_type == "multipart/form-data":
        parts = (await request.post()).values()
        file.data = next((each.file.read() for each in parts if isinstance(each, web.FileField)), b"")
    else:
        file.data = await request.read()
    file.claims = file.serves = len(file.data)
    file.uploaded = True
    return web.Response(text=f"OK - {file.claims}")


def _allowed(platform: Platform, authorization: str) -> bool:
    application = platform.world.application
    good = authorization == f"Bearer {application.token}" and application.refusal is None
    return good and "files:read" in application.scopes


def _pieces(file: File) -> Iterator[bytes]:
    """As many bytes as it serves, its data over and over; -1 is without end."""
    data, size = file.data, file.serves
    piece = data * max(1, PIECE // max(1, len(data))) if size != len(data) else data
    while size < 0:
        yield piece
    for start in range(0, size, len(piece) or 1):
        yield piece[: size - start]
