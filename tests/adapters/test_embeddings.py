"""Texts that mean the same get vectors that are near each other."""

import contextlib
from array import array
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.embeddings.bert import tokenizer
from adapters.embeddings.minilm import MiniLM, minilm
from adapters.embeddings.tei import tei
from core.errors import EmbedderUnavailable
from core.ports import Vector

TEXTS = [
    "The tug is refuelled on Mondays.",
    "New crew get 24 days of paid leave in their first year.",
    "Soup costs 3 soles in the canteen.",
]


@pytest.fixture(scope="module")
def model() -> Iterator[MiniLM]:
    """The real one."""
    with minilm(threads=1) as made:
        yield made


def cosine(a: Vector, b: Vector) -> float:
    """Of the angle between two vectors."""
    one, other = array("b", a), array("b", b)
    product = sum(x * y for x, y in zip(one, other, strict=True))
    return float(product / (sum(x * x for x in one) * sum(y * y for y in other)) ** 0.5)


async def test_a_question_is_nearest_to_the_passage_that_answers_it(model: MiniLM) -> None:
    """In other words than the passage has."""
    passages = await model.passages(TEXTS)
    for question, answer in (
        ("When does the boat get its diesel?", 0),
        ("How much vacation does a rookie have?", 1),
        ("What do I pay for lunch?", 2),
    ):
        sought = await model.question(question)
        assert max(range(3), key=lambda n: cosine(sought, passages[n])) == answer


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Déjà-vu: CAFÉ?", [101, 2139, 3900, 1011, 24728, 1024, 7668, 1029, 102]),
        ("漢字 and é", [101, 1904, 100, 1998, 1041, 102]),
        ("word" * 50, [101, 100, 102]),
        ("a [MASK] b", [101, 1037, 1031, 7308, 1033, 1038, 102]),
    ],
)
def test_a_text_is_cut_into_the_tokens_of_the_model(text: str, numbers: list[int]) -> None:
    """The same as its tokenizer.json gives; but nobody can write its marks."""
    assert tokenizer().encode(text).ids == numbers


@pytest.mark.parametrize("text", ["", " ", "\0", "漢字", "é" * 9000, "x" * 1_000_000, "\ud800"])
async def test_whatever_a_text_holds_it_gets_a_vector(model: MiniLM, text: str) -> None:
    """Of a long one the beginning counts."""
    (made,) = await model.passages([text])
    assert len(made) == 384
    assert any(made)


class Server:
    """What text-embeddings-inference answers: counts of letters as vectors, after `busy` times no."""

    def __init__(self, model: str = "intfloat/e5-small-v2") -> None:
        self.model, self.busy, self.status = model, 0, 503
        self.texts: list[str] = []
        self.keys: list[str | None] = []

    async def info(self, request: web.Request) -> web.Response:
        """GET /info."""
        return web.json_response({"model_id": self.model, "model_dtype": "float16"})

    async def embed(self, request: web.Request) -> web.Response:
        """POST /embed."""
        self.keys.append(request.headers.get("Authorization"))
        if self.busy:
            self.busy -= 1
            return web.json_response({"error": "Model is overloaded"}, status=self.status)
        texts = (await request.json())["inputs"]
        self.texts += texts
        return web.json_response([[text.count(letter) / 10 for letter in "abcde"] for text in texts])


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.add_routes([web.get("/info", server.info), web.post("/embed", server.embed)])
    runner = TestServer(app)
    await runner.start_server()
    try:
        yield str(runner.make_url(""))
    finally:
        await runner.close()


async def test_a_server_is_asked_as_its_model_was_trained_and_again_while_it_is_busy() -> None:
    """In batches, with the key; vectors come in the order of the texts."""
    server = Server()
    async with serving(server) as url, tei(url, "secret") as embedder:
        server.busy = 2
        made = await embedder.passages(["a" * (n + 1) + "b" for n in range(20)])
        asked = await embedder.question("cab")
    assert embedder.model == "intfloat/e5-small-v2"
    assert len(made) == 20
    assert cosine(made[19], made[18]) > cosine(made[19], made[0])
    assert len(asked) == 5
    assert (server.texts[0], server.texts[-1]) == ("passage: ab", "query: cab")
    assert set(server.keys) == {"Bearer secret"}


async def test_a_server_that_cannot_be_used_says_why_without_its_key() -> None:
    """Nobody there, too long busy, another status, or another kind of server."""
    server = Server()
    async with serving(server) as url:
        async with tei(url, "secret") as embedder:
            for server.busy, server.status in ((99, 503), (1, 413), (1, 401)):
                with pytest.raises(EmbedderUnavailable, match=str(server.status)) as failed:
                    await embedder.question("cab")
                assert "secret" not in str(failed.value)
        with pytest.raises(EmbedderUnavailable, match="404"):
            async with tei(f"{url}/elsewhere"):
                pass
    with pytest.raises(EmbedderUnavailable, match="cannot be used"):
        async with tei(url):
            pass
