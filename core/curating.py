"""The team's documents where people talk: found, listed, counted, and what curators do with them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from core.errors import UserError
from core.gaps import gaps
from core.ports import Shelf, Survey
from core.team import TeamDocuments
from core.types import Audience, Citation, Entry, Hit

HOW = (
    "Type /kb search WORDS, /kb list WORDS, /kb stats, /kb gaps, /kb add LINK, or /kb remove ID. To add a "
    "message with its files, pick Add to knowledge base in its menu."
)
_FOUND, _LISTED = 5, 20
"""Sections, and documents or gaps, that are shown at once."""
_QUOTE = 200
"""Characters of a section or a question."""
NOT_A_CURATOR = "Only curators may do this. Whoever runs me names them in the settings."


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown: sections as sources, and lines in which every sign stands for itself."""

    sections: tuple[Citation, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Curating:
    """What one person may do with the team's documents, who reads the answer alone.

    Nothing is told of a document that its `audiences` do not hold, not even that there is one, nor of a
    question that was asked where they do not see it.
    """

    shelf: Shelf
    team: TeamDocuments
    survey: Survey
    audiences: Sequence[Audience]
    is_curator: bool

    async def run(self, typed: str) -> Shown:
        """Do what is typed behind ``/kb``. Raises UserError."""
        verb, _, rest = typed.strip().partition(" ")
        verbs: dict[str, Callable[[str], Awaitable[Shown]]] = {
            "search": self._search,
            "list": self._list,
            "stats": self._stats,
            "gaps": self._gaps,
            "remove": self._remove,
        }
        if verb not in verbs:
            raise UserError(HOW)
        return await verbs[verb](rest.strip())

    async def _search(self, words: str) -> Shown:
        hits = await self.team.search(words, self.audiences, _FOUND)
        return Shown(tuple(map(_section, hits))) if hits else Shown(lines=("Nothing was found.",))

    async def _list(self, words: str) -> Shown:
        """Those whose title or place holds all of these words; with none all."""
        wanted = words.casefold().split()
        found = [
            entry
            for entry in await self._entries()
            if all(word in f"{entry.title} {entry.path}".casefold() for word in wanted)
        ]
        if not found:
            return Shown(lines=("There is no such document that you may see.",))
        lines = [f"{entry.id} · {entry.title} · {entry.audience}" for entry in found[:_LISTED]]
        if len(found) > _LISTED:
            lines.append(f"… and {len(found) - _LISTED} more. Name words of a title to see fewer.")
        return Shown(lines=tuple(lines))

    async def _stats(self, words: str) -> Shown:
        entries = await self._entries()
        audiences = Counter(str(entry.audience) for entry in entries)
        passages = sum(entry.passages for entry in entries)
        counted = "1 document" if len(entries) == 1 else f"{len(entries):,} documents"
        lines = [f"{audience}: {number:,}" for audience, number in audiences.most_common()]
        return Shown(lines=(f"You may see {counted} with {passages:,} passages.", *lines))

    async def _gaps(self, words: str) -> Shown:
        """What was asked here and not answered, alike questions together; what was asked privately is not."""
        self._must_curate()
        reach = set(map(str, self.audiences))
        refused = await self.survey.refused()
        found = gaps(turn for turn in refused if turn.seen_by and reach.issuperset(turn.seen_by))
        if not found:
            return Shown(lines=("No question of this channel was left unanswered.",))
        lines = [f"{_short(gap.turns[0].question)} ({gap.asked})" for gap in found[:_LISTED]]
        if len(found) > _LISTED:
            lines.append(f"… and {len(found) - _LISTED} more.")
        return Shown(lines=tuple(lines))

    async def _remove(self, document_id: str) -> Shown:
        """Take one document out; what it came from, if that is looked at again, leaves it out."""
        self._must_curate()
        found = [entry for entry in await self._entries() if entry.id == document_id]
        if not found:
            raise UserError(
                f"You may see no document {document_id or 'without an id'}. /kb list shows their ids."
            )
        await take_out(self.shelf, found[0])
        return Shown(lines=(f"{found[0].title} is not in the knowledge base any more.",))

    def _must_curate(self) -> None:
        if not self.is_curator:
            raise UserError(NOT_A_CURATOR)

    async def _entries(self) -> list[Entry]:
        return [entry for entry in await self.shelf.entries() if entry.audience in self.audiences]


async def take_out(shelf: Shelf, entry: Entry) -> None:
    """Remove a document, and let what it came from be without it from now on."""
    for source in await shelf.sources():
        if source.address == entry.source and entry.path not in source.without:
            await shelf.add(replace(source, without=(*source.without, entry.path)))
    await shelf.remove(entry.id)


def _section(hit: Hit) -> Citation:
    passage = hit.passage
    return Citation(passage.title, passage.link, passage.heading, passage.page, _short(passage.text))


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _QUOTE else f"{words[:_QUOTE]} …"
