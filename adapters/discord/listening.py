"""Running the gateway until it is to end."""

import asyncio

import discord

from adapters.discord.gateway import Gateway
from adapters.discord.login import NOT_ACCEPTED, login
from core.draining import unless
from core.errors import ChasquiError, SettingsError

_LAST_TAKEN = 5.0
"""Seconds in which what is being taken can be taken, once it drains."""
NO_CONTENT = (
    "Discord does not let this bot read messages that are not for it: switch on Message Content Intent in "
    "the Developer Portal, under Bot, or let no channel have every_message."
)


async def listen(gateway: Gateway, token: str, draining: asyncio.Event) -> None:
    """Listen until `draining` is set. Raises SettingsError for what only the portal or the token can mend.

    Where that happens before Discord was reached, it raises Drained.
    """
    async with gateway:
        async with unless(draining):
            await login(gateway, token)
        listening = asyncio.create_task(gateway.connect())
        drained = asyncio.create_task(draining.wait())
        try:
            await asyncio.wait({listening, drained}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                _explain(listening)
            await gateway.stop_listening(_LAST_TAKEN)
        finally:
            drained.cancel()
            await gateway.close()
            await asyncio.gather(listening, return_exceptions=True)


def _explain(listening: "asyncio.Task[None]") -> None:
    """Say why the gateway ended by itself."""
    try:
        listening.result()
    except discord.PrivilegedIntentsRequired:
        raise SettingsError(NO_CONTENT) from None
    except discord.ConnectionClosed as error:
        if error.code == 4004:
            raise SettingsError(NOT_ACCEPTED) from None
        raise ChasquiError(f"Discord closed the gateway for good, with code {error.code}.") from error
    raise ChasquiError("Discord ended the gateway. Start chasqui again.")
