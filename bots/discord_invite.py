"""`chasqui invite discord`, and what `chasqui doctor` asks Discord."""

from adapters.discord.address import aim
from adapters.discord.login import Bot, application_of, invitation, whoami
from bots.settings import Settings
from core.errors import ChasquiError, SettingsError

_PATIENCE = 5.0
"""Seconds that a person at a terminal waits for Discord."""


async def show(settings: Settings) -> int:
    """Print the link; where Discord cannot be asked, the token itself tells the application."""
    if settings.discord.token is None:
        raise SettingsError("The link needs the bot's token. Set CHASQUI_DISCORD__TOKEN to it.")
    try:
        application = (await asked(settings)).application
    except SettingsError:
        raise
    except ChasquiError:
        found = application_of(settings.discord.token.get_secret_value())
        if found is None:
            raise
        application = found
    print(invitation(application))
    return 0


async def asked(settings: Settings) -> Bot:
    """The bot of the settings. Raises SettingsError for a wrong token, ChasquiError for none that answers."""
    assert settings.discord.token, "there is a token"
    aim(settings.discord.api_url)
    return await whoami(settings.discord.token.get_secret_value(), patience=_PATIENCE)
