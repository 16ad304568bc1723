"""What stands under an answer: why it is none or not whole, its sources, and what was not read."""

from urllib.parse import urlsplit

from adapters.discord.markdown import literal
from core.citations import numbered
from core.types import Citation, Outcome

_SOURCES = 5
_LINE = 300
"""Characters of one line; a longer title is cut."""
_MOST = 1900
"""Characters under an answer."""
_SIGNED = "hm="
"""What stands in links to files, which are good for a day only."""


def footer(outcome: Outcome) -> str:
    """As `content` of a message, in small letters but for the sentence that says why; may be empty."""
    lines = [literal(outcome.why)] if outcome.why else []
    lines += [f"-# {called}: {_source(cited)}" for called, cited in numbered(outcome.citations, _SOURCES)]
    for place, cited in enumerate(outcome.nearest):
        lines.append(f"-# Nearest: {_source(cited)}")
        lines += [f"> {literal(cited.quote[:_LINE])}"] * (place == 0)
    lines += [f"-# {literal(note[:_LINE])}" for note in outcome.left_out]
    return whole_lines("\n".join(lines), _MOST)


def whole_lines(text: str, most: int) -> str:
    """As many lines from the beginning as have room in so many characters: no link is cut in its middle."""
    if len(text) <= most:
        return text
    fitting, newline, _ = text[: most + 1].rpartition("\n")
    return fitting if newline else text[:most]


def quotes(citations: tuple[Citation, ...]) -> str:
    """The sources of an answer with their words, as `content` of a message."""
    named = numbered(citations, _SOURCES)
    return "\n".join(
        f"{called}: {_source(cited)}\n> {literal(cited.quote[:_LINE])}" for called, cited in named
    )


def _source(cited: Citation) -> str:
    place, address = literal(cited.label[:_LINE]), urlsplit(cited.url)
    if address.scheme not in ("http", "https") or _SIGNED in address.query:
        return place
    return f"[{place.replace('[', '(').replace(']', ')')}](<{cited.url}>)"
