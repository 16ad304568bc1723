"""The chat template that comes with a model, learnt from how its engine renders conversations.

Templates are programs (Jinja), and only the engine has them. But nearly all of them just put fixed texts
between the messages. Those are read off conversations of known words and tried on another one, so that
prompts stay ours: to fit into the window, to keep stable for the cache, to go on with after a break.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from core.errors import BackendFailed, BackendRejected
from core.prompt import Say, neutralise, render, special_tokens
from core.template import Template

Rendered = Callable[[Sequence[Say], str], Awaitable[str]]
"""The prompt that an engine makes of a system text, if any, and messages, for the assistant to speak next.

Raises BackendError where it makes none of them.
"""

STRANGE = (
    "its chat template does more than to stand between messages: set CHASQUI_BACKEND__PROFILE to another"
)
UNSAFE = (
    "its chat template marks turns in a way that people could write: set CHASQUI_BACKEND__PROFILE to another"
)
_BEGIN = re.compile(r"<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<[|｜]begin▁of▁sentence[|｜]>")
"""The token that begins a text: engines add it themselves, so that it must not stand in a prompt too."""
_MOST_STOPS = 4  # TGI takes so many

_SYSTEM, _WORDS = "Pluto", ("Jupiter", "Saturn", "Uranus", "Neptune", "Mercury")
_TRIAL = (
    Say("user", "What is tin?\n\nSay it briefly."),
    Say("assistant", "A metal."),
    Say("user", "And fog?"),
    Say("assistant", "Water, in the air:\n- cold\n- low"),
    Say("user", "And time?"),
)


async def learn(rendered: Rendered) -> Template:
    """The template of an engine. Raises BackendRejected where it cannot be learnt, BackendError otherwise."""
    begins, answer = await _between(rendered, "", _WORDS[:1])
    systems: tuple[str, ...] = ("", "Be kind.")
    try:
        before, *parts = await _between(rendered, _SYSTEM, (_SYSTEM, *_WORDS))
        template = _template(begins, before, parts, answer)
    except (
        BackendRejected,
        BackendFailed,
    ):  # it has no place for a system text, which then begins a question
        parts, systems = await _between(rendered, "", _WORDS), ("",)
        template = _template(begins, None, parts, answer)
    for system in systems:
        theirs = _without_begin(await rendered(_TRIAL, system))
        if render(template, _TRIAL, system) != theirs.rstrip(" "):
            raise BackendRejected(STRANGE)
    if any(neutralise(sign) == sign for sign in (template.assistant_prefix, *_signs(template))):
        raise BackendRejected(UNSAFE)
    return template


def stops(template: Template) -> tuple[str, ...]:
    """The special tokens that end an answer, and any that a model would begin another turn with."""
    return tuple(dict.fromkeys(_signs(template)))[:_MOST_STOPS]


def _signs(template: Template) -> list[str]:
    """The special tokens between an answer and the next one."""
    return special_tokens(template.assistant_suffix + template.user_prefix + template.assistant_prefix)


def _template(begins: str, before: str | None, parts: Sequence[str], answer: str) -> Template:
    """The template of a model that has these `parts` before each of five messages and behind the last.

    `before` stands before the system text, `begins` before the first message where there is none, and
    `answer` where the assistant is to speak.
    """
    first, asked, told, asked_again, told_again, last = parts
    assistant_prefix = answer.rstrip(" ")  # no prompt ends with a space
    if (asked, told, answer) != (asked_again, told_again, last) or not asked.startswith(assistant_prefix):
        raise BackendRejected(STRANGE)
    user_prefix = _common_end(told, begins, first)
    template = Template(
        name="server",
        system="",
        system_prefix=begins,
        system_suffix="\n\n",
        no_system=begins,
        user_prefix=user_prefix,
        user_suffix="",
        assistant_prefix=assistant_prefix,
        gap=asked.removeprefix(assistant_prefix),
        assistant_suffix=told.removesuffix(user_prefix),
        first_user_prefix="",
    )
    if before is None:
        return template
    return replace(
        template,
        system_prefix=before,
        system_suffix=first.removesuffix(user_prefix),
        no_system=begins.removesuffix(user_prefix),
        first_user_prefix=None,
    )


async def _between(rendered: Rendered, system: str, words: Sequence[str]) -> list[str]:
    """What stands before, between and after these words, of which the first may be the system text."""
    said = words[1:] if system else words
    says = [Say("assistant" if index % 2 else "user", word) for index, word in enumerate(said)]
    left, found = _without_begin(await rendered(says, system)), []
    for word in words:
        before, there, left = left.partition(word)
        if not there:
            raise BackendRejected(STRANGE)
        found.append(before)
    return [*found, left]


def _common_end(*texts: str) -> str:
    """The longest end that all of them have."""
    ends = (texts[0][start:] for start in range(len(texts[0]) + 1))
    return next(end for end in ends if all(text.endswith(end) for text in texts))


def _without_begin(prompt: str) -> str:
    begin = _BEGIN.match(prompt)
    return prompt[begin.end() :] if begin else prompt
