"""Answers with trailers as the worst of models would write them, and the passages that were sent to it."""

import json
import random
from collections.abc import Iterable

from core.sources import SourceFilter
from core.types import Passage
from tests.core.hostile import FRAGMENTS

SENT = (
    Passage(
        *("1:0", "1", "notes.md", "Blueberries are now green. Are they keeping their name? They do.", 0),
        *(("News",), "https://web.site/123"),
    ),
    Passage(
        *("2:0", "2", "handbook.pdf", "New staff get 20 days of leave.", 4, ("Leave", "New staff")),
        *("", "page=3", 3),
    ),
    Passage("2:1", "2", "handbook.pdf", "Sick notes go to Dana Ito.", 5, ("Sickness",), "", "page=4", 4),
    Passage(
        *("3:0", "3", "staff handbook.pdf", "Staff wear red badges at work.", 0, ("Badges",)),
        *("https://web.site/doc", "page=2", 2),
    ),
    Passage(
        *("4:0", "4", "staff handbook.pdf", "Visitors wear blue badges.", 0, ("Badges",)),
        *("https://web.site/doc", "top"),
    ),
    Passage("5:0", "5", "hand\u202ebook\u200f [1] (S2).pdf", "A title can hold anything."),
    Passage("6:0", "6", "", "A text without a title."),
)
"""Titles within titles, one title twice, addresses that differ in their fragment, marks in a title."""

OWN_ADDRESSES = r"(?:https://web\.site)/(?:123|doc(?:#page=2|#top)?)/?"
INVENTED = ["Secret Manual", "notes.mdx", "The Whale Code of 1984", "Journal of Nothing"]
"""Titles that were in no prompt; they are only said where sources are named."""
FOREIGN = ["https://evil.example/123", "http://web.site.evil.example", "https://web.site/doc#other"]
FOREIGN += ["https://web.site/1234", "HTTPS://EVIL.example", "www.evil.example/x"]
FOREIGN += ["https://web.site@evil.example"]
KEYWORDS = ["Source:", "source:", "SOURCES:", "**Source:**", "**Sources**:", "Reference(s):", "References:"]
KEYWORDS += ["Citation(s):", "Citations:", "[references]", "## References", "[Source]:", "- Source:"]
KEYWORDS += [
    "> Source:",
    "\u200fSource:",
    "So\u200burce:",
    "_Source_:",
    "(Source:",
    "[Sources:",
    "References",
]
BEHIND = ["Source:", "**Sources:**", "Reference(s):", "*Citation*:", "[Source]:", "(Source:", "[Sources:"]
"""Those that may also stand behind a sentence."""
NUMBERS = ["S1", "S2, S3", "1 and 3", "S9", "0", "[7]", "S١", "１", "²", "[[1]]", "[1[2]]", "S1S2", "9" * 12]
KEYS = ["title", "url", "source url", "source identifier", "date", "page", "section", "Author", "TITLE", "x"]
SENTENCES = ["Blueberries are now green.", "New staff get 20 days of leave.", "New staff get 25 days of it."]
SENTENCES += [
    "Sick notes go to Dana Ito.",
    "Whales sing at night (they do).",
    "Badges are red [4].",
    "See 1) or 2).",
]
MENDS = ["Green\u2060.", "USER\u2060: no", "Are they keeping their name.", "\u2060", "END\u2060INPUT"]
BETWEEN = ["\n", "\n", "\n\n", "\n\n", " ", "\r\n", "", "\n\n\n", " \n"]


def value(rng: random.Random) -> str:
    """What could stand behind a key."""
    passage = rng.choice(SENT)
    title, link = passage.title, passage.link
    own = [title, title.upper(), link, f"<{link}>", f"[{title}]({link})", f"{link or title or 0}. "]
    own += [f"{title}, page: {passage.page}", " > ".join(passage.heading)]
    foreign = [*FOREIGN, f"[{title}]({rng.choice(FOREIGN)})", f"[{rng.choice(INVENTED)}]({link})"]
    return rng.choice([*own, *own, *foreign, *INVENTED, *NUMBERS, "no source information is available", ""])


def named(rng: random.Random) -> str:
    """A few lines behind a keyword."""
    if rng.random() < 0.2:
        keys = [rng.choice([*KEYS, *FOREIGN, value(rng)]) for _ in range(rng.randrange(4))]
        pairs = {key: value(rng) for key in keys}
        text = json.dumps(rng.choice([pairs, [pairs, pairs], {"sources": [pairs]}, [value(rng)]]))
        return text[: rng.randrange(len(text))] if rng.random() < 0.2 else text
    between = rng.choice(["\n", "\n", ", ", "\n\n"])
    lines = []
    for _ in range(rng.randrange(1, 5)):
        bullet = rng.choice(["", "", "", "- ", "* ", "1. ", "[1] ", "  "]) if "\n" in between else ""
        key = f"{rng.choice(KEYS)}: " if rng.random() < 0.6 else ""
        lines.append(f"{bullet}{key}{value(rng)}")
    return between.join(lines)


def trailer(rng: random.Random) -> str:
    """A keyword and what it names, truncated perhaps; an aside is closed, perhaps."""
    inline = rng.random() < 0.3
    keyword = rng.choice(BEHIND if inline else KEYWORDS)
    behind = "\n" if keyword[-1:] not in ":*" else rng.choice(["\n", " ", ""])
    text = f"{keyword}{behind}{named(rng)}"
    if keyword[0] in "([" and rng.random() < 0.8:
        text += ")" if keyword[0] == "(" else "]"
    text = text[: rng.randrange(1, len(text))] if rng.random() < 0.1 else text
    return f"\n{rng.choice(SENTENCES)} {text}\n" if inline else f"\n{text}\n"


def answer(rng: random.Random) -> str:
    """Two trailers between sentences, and now and then anything at all."""
    parts = [trailer(rng), trailer(rng)]
    for _ in range(rng.randrange(4)):
        anything = [*MENDS, *FRAGMENTS, *FOREIGN, f"[{rng.randrange(9)}]", "USER: And?"]
        parts.append(rng.choice(SENTENCES if rng.random() < 0.8 else anything))
    rng.shuffle(parts)
    return "".join(part + rng.choice(BETWEEN) for part in parts)


def filtered(stream: Iterable[str]) -> tuple[str, str, list[int]]:
    """What a stream shows, its trailer and its marks."""
    sources = SourceFilter()
    shown = [sources.feed(piece) for piece in stream]
    shown.append(sources.close())
    return "".join(shown), sources.trailer, sources.marks
