"""The CDN: files at signed links, sent in pieces."""

from collections.abc import Iterator

from aiohttp import web

from tests.emulators.discord import links
from tests.emulators.discord.platform import Call
from tests.emulators.discord.world import World

PIECE = 1 << 16


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    """`size` bytes of `data` over and over; -1 is without end."""
    piece = data * max(1, PIECE // max(1, len(data))) if size != len(data) else data
    while size < 0:
        yield piece
    for start in range(0, size, len(piece) or 1):
        yield piece[: size - start]


async def serve(world: World, request: web.Request, call: Call, cut: int | None) -> web.StreamResponse:
    """The answer to a download; after `cut` bytes, if there is such a number, it stops."""
    file = world.files.get(request.match_info["file"])
    if file is None or not links.good(world, request.url):
        return web.Response(status=404, text="This content is no longer available.")
    headers = {"Content-Type": file.content_type}
    if file.serves >= 0:
        headers["Content-Length"] = str(file.serves)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for piece in _pieces(file.data, file.serves):
        allowed = piece if cut is None else piece[: cut - call.sent]
        await response.write(allowed)
        call.sent += len(allowed)
        if cut is not None and call.sent >= cut:
            break
    return response
