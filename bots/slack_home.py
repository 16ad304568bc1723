"""What people see of the app without asking: its home tab, and what it suggests in the agent's pane."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from adapters.slack import places
from adapters.slack.client import Slack
from bots.desk import Desk
from bots.slack_caller import SlackCaller, shown
from bots.slack_forms import Block, plain, section
from core.channels import ChannelSettings
from core.commands import ME
from core.errors import PlatformError
from core.ports import Kept

log = structlog.get_logger()

FORGET, FORGET_TITLE = "chasqui:forget_me", "Forget me"
PROMPTS = (
    ("What can you do?", "What can you help me with?"),
    ("Read a file", "I will attach a file. Summarise it, and say where the main points stand."),
    ("Find it in a file", "I will attach a file. What does it say about deadlines, and where?"),
)
_PROMPTS_TITLE = "Ask me anything, or attach a file"
_TITLE = 200
"""Characters of a title."""


async def suggest(slack: Slack, channel: str) -> None:
    """Suggest what to ask, in a pane that somebody opens. Raises PlatformError."""
    prompts = [{"title": title, "message": message} for title, message in PROMPTS]
    await slack.call(
        "assistant.threads.setSuggestedPrompts", channel_id=channel, title=_PROMPTS_TITLE, prompts=prompts
    )


async def name_thread(slack: Slack, channel: str, root: str, question: str) -> None:
    """Give a thread of the pane the title of its first question. Raises PlatformError."""
    title = " ".join(question.split())[:_TITLE]
    if title:
        await slack.call("assistant.threads.setTitle", channel_id=channel, thread_ts=root, title=title)


async def publish(desk: Desk, slack: Slack, person: str) -> None:
    """Show somebody their home tab. Raises PlatformError."""
    team = await desk.channels.of(slack.us.team)
    kept = await desk.people.kept(places.NAME, person)
    view = {"type": "home", "blocks": _blocks(slack, team, kept)}
    await slack.call("views.publish", user_id=person, view=view)


async def forget_me(desk: Desk, caller: SlackCaller) -> str:
    """Delete all that is kept of a person, and show them that it is gone."""
    said = await desk.do(caller, "forget", ME)
    try:
        await publish(desk, caller.slack, caller.person)
    except PlatformError as error:  # it is gone all the same, and the tab shows so when it is opened
        log.info("slack.home_not_shown", error=str(error))
    return shown(said)


def _blocks(slack: Slack, team: ChannelSettings, kept: Sequence[Kept]) -> list[Block]:
    us = slack.us
    questions = _counted(sum(len(each.turns) for each in kept), "question")
    files = _counted(sum(len(each.documents) for each in kept), "file")
    return [
        {"type": "header", "text": plain("Ask your team's own model")},
        section(
            f"Write to me under *Messages*, mention <@{us.user}> in a channel, or type `/ask` for an answer "
            "that only you see. Attach files to ask about them: I say where in them an answer stands."
        ),
        {"type": "divider"},
        section("*What I know*\nThe files of a conversation, in that conversation and nowhere else."),
        section(
            f"*What I keep of you*\n{questions} with what I answered, and {files}, in "
            f"{_counted(len(kept), 'conversation')}. What nobody touches for thirty days goes by itself."
        ),
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": FORGET,
                    "style": "danger",
                    "text": plain(FORGET_TITLE),
                    "confirm": _CONFIRM,
                }
            ],
        },
        {"type": "divider"},
        section(_shown(team)),
    ]


_CONFIRM: Mapping[str, Any] = {
    "title": plain("Forget everything?"),
    "text": plain("All that is kept of you is deleted, in every conversation. This cannot be taken back."),
    "confirm": plain(FORGET_TITLE),
    "deny": plain("Keep it"),
}


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _shown(team: ChannelSettings) -> str:
    """What counts for everybody here, where a channel says nothing else."""
    people = ", ".join(f"<@{person}>" for person in team.roles or ())
    return "\n".join(
        (
            "*How I answer in this workspace*",
            f"• {people or 'Everybody'} may ask me.",
            f"• I answer {'every message' if team.every_message else 'mentions, and my own threads'}.",
            f"• Grounding: {team.grounding or 'as whoever runs me has set it'}.",
            "A channel may have its own: `/settings` there.",
        )
    )
