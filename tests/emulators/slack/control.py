"""The control API of the platform: all that a test may do."""

import aiohttp

from tests.emulators.shared.control import PATH, Verbs, remote
from tests.emulators.shared.errors import ControlError
from tests.emulators.slack.people import People
from tests.emulators.slack.platform import Platform
from tests.emulators.slack.scenery import Scene, Scenery
from tests.emulators.slack.seen import Sights
from tests.emulators.slack.trouble import Trouble

__all__ = ["PATH", "Control", "control_of"]


class Control(Scenery, People, Trouble, Sights, Verbs):
    """All that a test may do; each verb is documented where it stands.

    `Scenery` builds, `People` act, `Trouble` disturbs, `Sights` look.
    """

    def __init__(self, platform: Platform, scene: Scene | None = None) -> None:
        super().__init__(platform)
        Trouble.__init__(self, platform)
        self._scene = scene

    async def scene(self) -> Scene:
        """What stands at the start."""
        if self._scene is None:
            raise ControlError("the platform has not started")
        return self._scene


def control_of(address: str, http: aiohttp.ClientSession) -> Control:
    """The control of a platform that runs elsewhere, at this address; it works as `Control` itself."""
    return remote(Control, address, http)
