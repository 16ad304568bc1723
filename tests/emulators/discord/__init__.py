"""Discord on loopback: gateway, REST v10, CDN and interactions, with faults, for whole-process tests.

In a test::

    async with DiscordServer() as discord:
        ...  # a bot with discord.scene.token at discord.scene.api and discord.scene.gateway
        asked = await discord.control.say(discord.scene.channel, discord.scene.person, "Hello", mention=True)
        ...  # await discord.control.answers(discord.scene.channel)

As a process, which prints its address as the first line of stdout::

    python -m tests.emulators.discord
    ...  # control = control_of(address, aiohttp_session); scene = await control.scene()

`Control` has all that a test may do and see; `faults` makes what goes wrong::

    await control.fault(faults.lost("POST /channels/*/messages"))
"""
