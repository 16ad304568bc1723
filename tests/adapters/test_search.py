"""What is found by its words, and that nothing of what others may see shows in it."""

import math
import random
from collections.abc import Sequence

import pytest

from adapters.search import LexicalIndex
from core.types import Audience, Document, Passage, Spread

PUBLIC, CREW, CAPTAIN = Audience("public"), Audience("channel", "slack:C1"), Audience("person", "slack:U1")
WORDS = "leave boat soup tug harbour watch crew key office monday canteen price lunch note year".split()


@pytest.fixture
def index() -> LexicalIndex:
    """An empty one."""
    return LexicalIndex()


def document(name: str, *texts: str, audience: Audience = PUBLIC) -> Document:
    """A document of one passage for each text."""
    passages = tuple(Passage(f"{name}:{n}", name, name, text, section=n) for n, text in enumerate(texts))
    return Document(name, name, audience, passages, len(texts))


def random_document(rng: random.Random, name: str, audience: Audience) -> Document:
    """A document of common words."""
    texts = (" ".join(rng.choices(WORDS, k=rng.randrange(5, 40))) for _ in range(rng.randrange(1, 6)))
    return document(name, *texts, audience=audience)


async def found(index: LexicalIndex, query: str, *audiences: Audience, k: int = 9) -> list[tuple[str, float]]:
    """The ids of the passages that are found, and their scores."""
    return [(hit.passage.id, hit.score) for hit in await index.search(query, audiences, k)]


async def ids(index: LexicalIndex, query: str, *audiences: Audience) -> list[str]:
    """The ids alone."""
    return [name for name, _ in await found(index, query, *audiences)]


async def test_only_what_an_audience_may_see_is_found(index: LexicalIndex) -> None:
    """Each document by its own audience alone; without any nothing is."""
    for each in (document("a", "The tug Paloma."), document("b", "The tug Paloma.", audience=CREW)):
        await index.put(each)

    assert await ids(index, "tug", PUBLIC) == ["a:0"]
    assert await ids(index, "tug", CREW) == ["b:0"]
    assert sorted(await ids(index, "tug", PUBLIC, CREW, CREW)) == ["a:0", "b:0"]
    assert await ids(index, "tug", CAPTAIN) == []
    assert await ids(index, "tug") == []


async def test_no_rank_and_no_score_depends_on_what_is_hidden() -> None:
    """300 searches find the same, in the same order, whatever else there is and was."""
    rng = random.Random(7)
    bare, full = LexicalIndex(), LexicalIndex()
    for number in range(60):
        audience = rng.choice((PUBLIC, CREW))
        seen, hidden = (
            random_document(rng, f"s{number}", audience),
            random_document(rng, f"h{number}", CAPTAIN),
        )
        for each in (hidden, seen):
            await full.put(each)
        if number % 3 == 0:
            await full.remove(hidden.id, CAPTAIN)
        await bare.put(seen)
    for _ in range(300):
        query = " ".join(rng.choices(WORDS, k=3))
        assert await found(full, query, PUBLIC, CREW, k=20) == await found(bare, query, PUBLIC, CREW, k=20)


async def test_a_typo_is_mended_from_visible_words_alone(index: LexicalIndex) -> None:
    """Neither is a hidden word what was meant, nor does a hidden word keep a visible one from being it."""
    await index.put(document("a", "The Esperanza leaves on Monday."))
    await index.put(document("b", "The Esparanza is for sale.", audience=CAPTAIN))
    await index.put(document("c", "Salaries are secret.", audience=CAPTAIN))

    assert await ids(index, "esparanza", PUBLIC) == ["a:0"]
    assert await ids(index, "salarys secrets", PUBLIC) == []


async def test_how_many_hold_a_word_is_told_of_visible_passages_alone(index: LexicalIndex) -> None:
    """A word counts once for each passage, also in its title; one typed wrong as what was meant."""
    await index.put(document("tug", "The tug Paloma, a tug.", "Soup."))
    await index.put(document("a", "Tugs and soup."))
    await index.put(document("b", "The schooner.", "Soup on the schooner.", audience=CREW))

    assert await index.spread(["tug", "soup", "schooner", "schoner"], [PUBLIC]) == Spread(
        3, {"tug": 3, "soup": 2, "schooner": 0, "schoner": 0}
    )
    assert await index.spread(["soup", "schoner"], [PUBLIC, CREW]) == Spread(5, {"soup": 3, "schoner": 2})
    assert await index.spread(["soup"], []) == Spread(0, {"soup": 0})


async def test_passages_of_several_audiences_are_ranked_as_if_they_stood_in_one() -> None:
    """A channel with one document is not ranked by how rare a word is among its own."""
    rng = random.Random(3)
    apart, together = LexicalIndex(), LexicalIndex()
    for number in range(30):
        one = random_document(rng, f"d{number}", PUBLIC)
        await together.put(one)
        await apart.put(one if number % 5 else document(one.id, *_texts(one), audience=CREW))
    for word in WORDS:
        expected = dict(await found(together, word, PUBLIC, k=99))
        assert dict(await found(apart, word, PUBLIC, CREW, k=99)) == pytest.approx(expected)


async def test_what_is_removed_or_replaced_is_not_found_any_more(index: LexicalIndex) -> None:
    """Also where it was the last of its audience, and where the audience itself changed."""
    await index.put(document("a", "The tug Paloma.", "Soup."))
    await index.put(document("a", "The schooner."))
    assert await ids(index, "tug soup", PUBLIC) == []
    assert await ids(index, "schooner", PUBLIC) == ["a:0"]

    await index.remove("a", PUBLIC)
    await index.remove("a", PUBLIC)
    await index.put(document("a", "The schooner.", audience=CREW))
    assert await ids(index, "schooner", PUBLIC) == []
    assert await ids(index, "schooner", CREW) == ["a:0"]


async def test_what_was_removed_or_replaced_leaves_no_trace(index: LexicalIndex) -> None:
    """After 200 changes all is found, counted and spelt as by an index that never knew anything else."""
    rng, stands = random.Random(11), dict[str, Document]()
    for _ in range(200):
        name = f"d{rng.randrange(20)}"
        if stands.pop(name, None) and rng.random() < 0.5:
            await index.remove(name, PUBLIC)
        else:
            stands[name] = random_document(rng, name, PUBLIC)
            await index.put(stands[name])
    fresh = LexicalIndex()
    for each in stands.values():
        await fresh.put(each)

    assert await index.spread(WORDS, [PUBLIC]) == await fresh.spread(WORDS, [PUBLIC])
    for word in (*WORDS, *(word[:2] + word[3:] for word in WORDS)):
        assert sorted(await found(index, word, PUBLIC, k=99)) == sorted(
            await found(fresh, word, PUBLIC, k=99)
        )
    for name in stands:
        await index.remove(name, PUBLIC)
    assert await index.spread(WORDS, [PUBLIC]) == Spread(0, dict.fromkeys(WORDS, 0))


async def test_the_best_are_the_best_of_all_however_many_hold_a_word(index: LexicalIndex) -> None:
    """Scores are those of BM25, k1 1.2 and b 0.4; the highest come, whatever was put first."""
    rng = random.Random(13)
    texts = [[rng.choice(WORDS) for _ in range(rng.randrange(5, 40))] for _ in range(400)]
    for number, words in enumerate(texts):
        await index.put(
            Document(f"d{number}", "", PUBLIC, (Passage("p", f"d{number}", "", " ".join(words)),), 1)
        )
    lengths = [len(words) for words in texts]
    flat = [0.6 + 0.4 * length / (sum(lengths) / len(texts)) for length in lengths]

    def score(number: int, word: str) -> float:
        often, holding = texts[number].count(word), sum(word in words for words in texts)
        rarity = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        return rarity * often * 2.2 / (often + 1.2 * flat[number])

    expected = sorted((score(n, "boat") + score(n, "soup") for n in range(len(texts))), reverse=True)
    scores = [score for _, score in await found(index, "boat soup", PUBLIC, k=30)]
    assert scores == pytest.approx(expected[:30])


async def test_any_passage_tells_what_it_would_score() -> None:
    """As in a search, however far behind; one of another audience, without a word or gone scores nothing."""
    rng, index = random.Random(11), LexicalIndex()
    documents = [random_document(rng, f"d{n}", rng.choice((PUBLIC, CREW, CAPTAIN))) for n in range(60)]
    for each in documents:
        await index.put(each)
    await index.remove("d0", documents[0].audience)
    passages = [passage for each in documents for passage in each.passages]
    for _ in range(50):
        query = " ".join(rng.choices(WORDS, k=3))
        all_found = dict(await found(index, query, PUBLIC, CREW, k=len(passages)))
        expected = [all_found.get(passage.id, 0.0) for passage in passages]
        assert await index.scores(query, [PUBLIC, CREW], passages) == expected
        assert 0 < sum(map(bool, expected)) < len(expected)


async def test_a_number_is_one_word(index: LexicalIndex) -> None:
    """What is before its point or comma is not found as a number of its own, nor counted as one."""
    await index.put(document("a", "Version 2.10.3 came on Monday.", "There are 2 tugs."))

    assert await ids(index, "2.10.3", PUBLIC) == ["a:0"]
    assert await ids(index, "What is 2?", PUBLIC) == ["a:1"]
    assert (await index.spread(["2.10.3", "2"], [PUBLIC])).holding == {"2.10.3": 1, "2": 1}


async def test_a_remainder_that_holds_a_word_stands_behind_a_passage_that_is_about_it(
    index: LexicalIndex,
) -> None:
    """Passages are cut to a length: that one is short tells little of what it is about."""
    rest = "Paloma pulls blue ships through our harbour every Monday morning, her crew eats soup, keeps watch"
    about = f"Each tug costs money, one tug earns more. {rest}, paints ropes, waits for orders near the tug."
    await index.put(document("a", "See also tug.", about))

    assert await ids(index, "tug", PUBLIC) == ["a:1", "a:0"]


async def test_words_are_found_in_titles_and_headings_and_without_any_nothing_is(index: LexicalIndex) -> None:
    """Signs part words and are none."""
    heading = Passage("x:0", "x", "harbour.md", "24 days.", heading=("Paid leave",))
    await index.put(Document("x", "harbour.md", PUBLIC, (heading,), 1))

    assert await ids(index, "leaving", PUBLIC) == ["x:0"]
    assert await ids(index, "(harbour)?", PUBLIC) == ["x:0"]
    assert await ids(index, "the of ?", PUBLIC) == []


async def test_passages_without_a_word_are_found_by_none(index: LexicalIndex) -> None:
    """Also where an audience has no others: a search finds nothing there, and they score nothing."""
    about = Document("a", "About us", PUBLIC, (Passage("a:0", "a", "About us", "Here we are!"),), 1)
    await index.put(about)

    assert await ids(index, "harbour", PUBLIC) == []
    assert await index.scores("harbour", [PUBLIC], about.passages) == [0.0]


def _texts(of: Document) -> Sequence[str]:
    return [passage.text for passage in of.passages]
