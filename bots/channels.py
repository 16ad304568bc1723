"""What each channel wants: from the settings file, and from moderators who changed it where they are."""

import asyncio
from collections.abc import Mapping

from pydantic import TypeAdapter

from core.channels import ChannelSettings, merged
from core.ports import Notes

_STORED = TypeAdapter(ChannelSettings)


class Channels:
    """The settings of all channels of one platform.

    `configured` holds those of the settings file, by the id of a guild, workspace or channel. What a
    moderator said of a place wins over what the file says of it; what is said of a channel in either wins
    over what is said of all of its guild.
    """

    def __init__(self, platform: str, notes: Notes, configured: Mapping[str, ChannelSettings]) -> None:
        self._platform = platform
        self._notes = notes
        self.configured = configured

    async def of(self, *places: str) -> ChannelSettings:
        """What counts in the last of these places: a guild or workspace, then a channel of it."""
        said = await asyncio.gather(*map(self.said, places))
        configured = (self.configured.get(place, ChannelSettings()) for place in places)
        return merged([each for both in zip(configured, said, strict=True) for each in both])

    async def said(self, place: str) -> ChannelSettings:
        """What moderators said of a place."""
        note = await self._notes.get(self._note(place))
        return _STORED.validate_json(note) if note else ChannelSettings()

    async def say(self, place: str, settings: ChannelSettings) -> None:
        """Let a place have these settings."""
        if settings == ChannelSettings():
            await self._notes.drop(self._note(place))
            return
        await self._notes.put(self._note(place), _STORED.dump_json(settings).decode())

    def _note(self, place: str) -> str:
        return f"{self._platform}:settings:{place}"
