"""Slack on loopback: Web API, Socket Mode, signed HTTP and files, with faults, for whole-process tests.

In a test::

    async with SlackServer() as slack:
        ...  # an app with slack.scene.token and slack.scene.app_token at slack.scene.api
        asked = await slack.control.say(slack.scene.channel, slack.scene.person, "Hello", mention=True)
        ...  # await slack.control.answers(slack.scene.channel, asked)

As a process, which prints its address as the first line of stdout::

    python -m tests.emulators.slack
    ...  # control = control_of(address, aiohttp_session); scene = await control.scene()

`Control` has all that a test may do and see; `faults` makes what goes wrong::

    await control.fault(faults.lost("POST chat.postMessage"))
"""
