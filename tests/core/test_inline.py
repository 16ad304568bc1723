"""Where a paragraph can be broken, and how much of one that is being written can be shown."""

from itertools import pairwise

import pytest

from core.inline import breaks, shown
from tests.core.documents import Writer
from tests.core.hostile import seeded

PIECES = {
    "one two\nthree": "one |two\n|three",
    "a [b c](d) [e f](g h)": "a |[b c](d) |[e |f](g |h)",
    'a [b [c] d](e "f g") h': 'a |[b [c] d](e "f g") |h',
    "a [b c][d e] [f g]": "a |[b c][d e] |[f |g]",
    "a `b c` ``d ` e`` `f g": "a |`b c` |``d ` e`` |`f |g",
    r"a \`b c\` \[d e](f)": r"a |\`b |c\` |\[d |e](f)",
    "a **b c** *d e* __f g__ h": "a |**b c** |*d e* |__f g__ |h",
    "a ** b c ** 2 * 3 * 4": "a |** |b |c |** |2 * |3 * |4",
    "snake_case and_so on_": "snake_case |and_so |on_",
    "<@U1 2> a < b c > d": "<@U1 2> |a |< |b |c > |d",
    "a - b # c > d 1. e": "a - |b # |c > |d 1. |e",
    "信使。高山，路": "信使。|高山，|路",
    "https://x.example/信。使 a": "https://x.example/信。使 |a",
}


@pytest.mark.parametrize(("text", "pieces"), PIECES.items())
def test_a_paragraph_is_broken_between_words_that_belong_to_nothing(text: str, pieces: str) -> None:
    """Not in links, code, addresses and emphasis, nor before what would begin a block."""
    at = [0, *(place.at for place in breaks(text, (), longest=100, complete=True)), len(text)]

    assert "|".join(text[start:end] for start, end in pairwise(at)) == pieces


def test_long_emphasis_is_broken_with_its_marks() -> None:
    """What is longer than a page may keep whole says at each place which marks are open there."""
    text = "a **b *c d* e** f"
    places = breaks(text, (), longest=2, complete=True)

    assert [place.marks for place in places] == [(), ("**",), ("**", "*"), ("**",), ()]
    assert [place.marks for place in breaks("a b** c", ("**",), longest=2, complete=True)] == [("**",), ()]


def test_a_text_that_goes_on_may_still_close_what_is_open() -> None:
    """Two stars are emphasis as long as nothing says that they are none; at the end they are signs."""
    assert [place.marks for place in breaks("**a b c", (), longest=2, complete=False)] == [("**",), ("**",)]
    assert [place.marks for place in breaks("**a b c", (), longest=2, complete=True)] == [(), ()]


def test_a_sentence_is_a_better_end_than_a_word() -> None:
    """Sentences and lines before clauses, clauses before words, and nothing within emphasis if possible."""
    text = 'One two, three. "Four." (Five)\nsix **seven eight**'
    places = breaks(text, (), longest=3, complete=True)
    awkward = {text[: place.end].rsplit(maxsplit=1)[-1]: place.awkward for place in places}

    assert awkward['"Four."'] == awkward["three."] == awkward["(Five)"] < awkward["two,"] < awkward["One"]
    assert awkward["One"] == awkward["six"] < awkward["**seven"]


@pytest.mark.parametrize(
    ("text", "marks", "visible", "open_marks"),
    [
        ("some text", (), "some text", ()),
        ("some [text", (), "some ", ()),
        ("some [text](http://x", (), "some ", ()),
        ("some [text](http://x) and", (), "some [text](http://x) and", ()),
        ("some [text] and", (), "some [text] and", ()),
        ("some ![text](http://x", (), "some ", ()),
        ("some `code", (), "some ", ()),
        ("some `" + "x" * 100, (), "some `" + "x" * 100, ()),
        ("some **bold", (), "some **bold", ("**",)),
        ("some **bold *and", (), "some **bold *and", ("**",)),
        ("some *text", (), "some *text", ()),
        ("bold** text", ("**",), "bold** text", ()),
        ("bold text", ("**",), "bold text", ("**",)),
        ("2 * 3 ** 4", (), "2 * 3 ** 4", ()),
    ],
)
def test_a_growing_paragraph_is_shown_up_to_what_just_began(
    text: str, marks: tuple[str, ...], visible: str, open_marks: tuple[str, ...]
) -> None:
    """A link or code waits for its end, if that may come soon; emphasis is shown as far as it came."""
    end, still_open = shown(text, marks)

    assert text[:end] == visible
    assert still_open == open_marks


def test_every_place_is_behind_the_one_before() -> None:
    """Whatever stands in a paragraph: only white space is between what ends and what begins."""
    rng = seeded()
    for _ in range(500):
        text, before = Writer(rng).rubble(12), 0
        for place in breaks(text, (), longest=rng.choice((10, 100)), complete=rng.random() < 0.5):
            assert before <= place.end <= place.at < len(text)
            assert not text[place.end : place.at].strip()
            assert not text[place.at].isspace()
            before = place.at
