"""What a client of text-generation-inference must be able to do with our server.

This runs in the environment of each client, so it imports the standard library alone.
"""

import asyncio
import json
import sys
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

SUM = "<|im_start|>user\nWhat is 1+1? Answer with a number only.<|im_end|>\n<|im_start|>assistant\n"
SUM_TOKENS = ["1", "+", "1", " =", " ", "2", "<|im_end|>"]
LLAMAS = "Llamas: " + "🦙" * 12
LINES = "a\u2028" * 20
ENDLESS = "a b c a b c a b c a b c a b c a b c"
PATIENCE = 60.0
NO_CALL = "yes, but has no call for it"
"""Of a path that a package can only ask with the HTTP library that it brings along."""


class Client(Protocol):
    """One way to use a client's package: its calls as they are, and the names of its errors.

    An answer has `generated_text` and `details`; an event has `token`, `generated_text` and `details`.
    `get` and `post` are the package's own HTTP library, for paths that it has no call for.
    """

    way: str
    url: str
    invalid: type[Exception]
    overloaded: type[Exception]

    async def generate(self, prompt: str, **parameters: Any) -> Any: ...

    def stream(self, prompt: str, **parameters: Any) -> AsyncGenerator[Any, None]: ...

    async def chat(self, question: str) -> None: ...

    async def info(self) -> tuple[dict[str, Any], str]:
        """What ``/info`` says, and what was called for it."""
        ...

    async def healthy(self) -> tuple[bool, str]:
        """What ``/health`` says, and what was called for it."""
        ...

    async def get(self, path: str) -> tuple[int, str]: ...

    async def post(self, path: str, body: object) -> tuple[int, str]: ...


Check = Callable[[Client], Awaitable[str]]
"""Raises where the server is wrong. Else what there is to say of the client: "" is that it can."""


async def at_once(client: Client) -> str:
    answer = await client.generate(SUM)
    same(answer.generated_text, "1+1 = 2")
    same((answer.details.finish_reason, answer.details.generated_tokens), ("eos_token", 7))
    return ""


async def with_tokens(client: Client) -> str:
    tokens = (await client.generate(SUM)).details.tokens
    same([token.text for token in tokens], SUM_TOKENS)
    same([token.special for token in tokens], [False] * 6 + [True])
    same(all(token.logprob <= 0 for token in tokens), True)
    return ""


async def with_the_prompt(client: Client) -> str:
    prefill = (await client.generate(SUM, decoder_input_details=True)).details.prefill
    same("".join(token.text for token in prefill), SUM)
    same({token.logprob for token in prefill}, {None})
    return "yes, without log-probabilities"


async def after_the_prompt(client: Client) -> str:
    same((await client.generate(SUM, return_full_text=True)).generated_text, f"{SUM}1+1 = 2")
    return ""


async def to_a_stop(client: Client) -> str:
    answer = await client.generate(SUM, stop=["nope", "="])
    same((answer.generated_text, answer.details.finish_reason), ("1+1 =", "stop_sequence"))
    return ""


async def to_a_length(client: Client) -> str:
    answer = await client.generate(SUM, max_new_tokens=3)
    same((answer.generated_text, answer.details.finish_reason), ("1+1", "length"))
    return ""


async def drawn(client: Client) -> str:
    wishes: dict[str, Any] = {"do_sample": True, "temperature": 1.5, "top_k": 50, "top_p": 0.9, "seed": 7}
    wishes |= {"typical_p": 0.9, "repetition_penalty": 1.1, "frequency_penalty": 0.5, "truncate": 9}
    first, again = [await client.generate(SUM, **wishes) for _ in range(2)]
    same((first.generated_text, first.details.seed), (again.generated_text, 7))
    return ""


async def streamed(client: Client) -> str:
    *events, last = await heard(client, SUM)
    same([event.token.text for event in (*events, last)], SUM_TOKENS)
    same({(event.generated_text, event.details) for event in events}, {(None, None)})
    same(last.generated_text, "1+1 = 2")
    same((last.details.finish_reason, last.details.generated_tokens), ("eos_token", 7))
    return ""


async def characters(client: Client) -> str:
    events = await heard(client, LLAMAS, max_new_tokens=5)
    same([event.token.text for event in events], ["", "", "🦙", "", ""])
    same(events[-1].generated_text, "🦙")
    return ""


async def separators(client: Client) -> str:
    try:
        events = await heard(client, LINES, max_new_tokens=8)
    except json.JSONDecodeError as error:
        return cannot(error)
    same("\u2028" in events[-1].generated_text, True)
    return ""


async def eight_at_once(client: Client) -> str:
    streams = await asyncio.gather(*(heard(client, SUM) for _ in range(8)))
    same([stream[-1].generated_text for stream in streams], ["1+1 = 2"] * 8)
    return ""


async def left_early(client: Client) -> str:
    async with aclosing(client.stream(ENDLESS, max_new_tokens=1500)) as events:
        await anext(events)
    await load(client, 0)
    return ""


async def too_long(client: Client) -> str:
    said = "Given: 22 `inputs` tokens and 2027 `max_new_tokens`"
    await refused(client.invalid, said, client, max_new_tokens=2027)
    return ""


async def out_of_range(client: Client) -> str:
    await refused(client.invalid, "`stop` supports up to 4", client, stop=["a", "b", "c", "d", "e"])
    return ""


async def not_served(client: Client) -> str:
    await refused(client.invalid, "`top_n_tokens` != 0 is not allowed", client, top_n_tokens=3)
    await refused(client.invalid, "grammar is not supported", client, grammar={"type": "regex", "value": "a"})
    await refused(client.invalid, "`watermark` is not supported", client, watermark=True)
    return ""


async def too_large(client: Client) -> str:
    try:
        await client.generate("a" * 2_100_000)
    except client.invalid as error:
        raise AssertionError("a body that was not read has no validation error") from error
    except Exception as error:  # noqa: BLE001 - what it makes of plain text is what is asked
        return "" if "413" in str(error) else cannot(error)
    raise AssertionError("2.1 MB were taken")


async def overloaded(client: Client) -> str:
    async with full(client):
        await refused(client.overloaded, "Model is overloaded", client)
    same((await client.generate(SUM)).generated_text, "1+1 = 2")
    return ""


async def health(client: Client) -> str:
    well, call = await client.healthy()
    same((well, await client.get("/")), (True, (200, "")))
    return call


async def info(client: Client) -> str:
    said, call = await client.info()
    same((said["model_id"], said["max_total_tokens"]), ("HuggingFaceTB/SmolLM2-135M-Instruct", 2048))
    return call


async def tokenize(client: Client) -> str:
    status, body = await client.post("/tokenize", {"inputs": "a🦙b<|im_end|>"})
    same((status, [token["stop"] for token in json.loads(body)]), (200, [1, 3, 4, 5, 6, 16]))
    return NO_CALL


async def metrics(client: Client) -> str:
    status, body = await client.get("/metrics")
    same((status, "tgi_request_success" in body), (200, True))
    return NO_CALL


async def chat(client: Client) -> str:
    try:
        await client.chat("What is 1+1?")
    except Exception as error:  # noqa: BLE001 - what it makes of an empty 404 is what is asked
        return f"not served: {type(error).__name__}"
    raise AssertionError("there is a chat; ask more of it here")


CHECKS: dict[str, Check] = {
    "an answer at once": at_once,
    "its tokens with their log-probabilities": with_tokens,
    "the prompt's tokens (`decoder_input_details`)": with_the_prompt,
    "the prompt before the answer (`return_full_text`)": after_the_prompt,
    "the end at a stop sequence, which stays": to_a_stop,
    "the end at `max_new_tokens`": to_a_length,
    "every sampling parameter; the same seed draws the same": drawn,
    "a stream, with details at its end": streamed,
    "a character of several tokens": characters,
    "a U+2028 inside a token of a stream": separators,
    "eight streams at once": eight_at_once,
    "a stream left early frees its slot": left_early,
    "a prompt that is too long": too_long,
    "five stop sequences": out_of_range,
    "top tokens, a grammar, a watermark: refused in TGI's words": not_served,
    "a body over 2 MB (413, plain text)": too_large,
    "overload, and an answer after it": overloaded,
    "`/health` and `/`": health,
    "`/info`": info,
    "`/tokenize`": tokenize,
    "`/metrics`": metrics,
    "`/v1/chat/completions`": chat,
}
"""Every check by its name in the table, in its order."""


# --- Means ---


def same(found: object, expected: object) -> None:
    """Raise unless both are equal."""
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def cannot(error: Exception) -> str:
    """What to say of a client that meets a right answer with an error."""
    return f"cannot: {type(error).__name__}"


async def heard(client: Client, prompt: str, **parameters: Any) -> list[Any]:
    """All events of one stream."""
    async with aclosing(client.stream(prompt, **parameters)) as events:
        return [event async for event in events]


async def refused(kind: type[Exception], said: str, client: Client, **parameters: Any) -> None:
    """Ask at once and as a stream; both must end in an error of this kind that says this."""
    for asked in (client.generate(SUM, **parameters), heard(client, SUM, **parameters)):
        try:
            await asked
        except kind as error:
            same(said in str(error), True)
        else:
            raise AssertionError(f"no {kind.__name__}")


@asynccontextmanager
async def full(client: Client) -> AsyncIterator[None]:
    """Every place of the server is taken by a stream of ours that goes on for long."""
    places = (await client.info())[0]["max_concurrent_requests"]
    body = json.dumps({"inputs": ENDLESS, "parameters": {"max_new_tokens": 1500}}).encode()
    head = "POST /generate_stream HTTP/1.1\r\nHost: proof\r\nContent-Type: application/json\r\n"
    address = urlsplit(client.url)
    async with AsyncExitStack() as streams:
        for _ in range(places):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            streams.callback(writer.close)
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await load(client, places)
        yield
    await load(client, 0)


async def load(client: Client, wanted: int) -> None:
    """Return once so many requests wait or generate."""
    async with asyncio.timeout(PATIENCE / 2):
        while await asyncio.to_thread(_load, client.url) != wanted:
            await asyncio.sleep(0.02)


def _load(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics") as response:
        lines = response.read().decode().splitlines()
    gauges = ("tgi_queue_size ", "tgi_batch_current_size ")
    return sum(int(line.split()[1]) for line in lines if line.startswith(gauges))


async def outcome(check: Check, client: Client) -> str:
    """What there is to say of one check."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await check(client) or "yes"
    except Exception as error:  # noqa: BLE001 - the others go on
        return f"FAILED: {type(error).__name__}: {error}"


async def report(*clients: Client) -> None:
    """Run every check with every way to use a package; writes {check: {way: outcome}} as JSON."""
    found = {}
    for name, check in CHECKS.items():
        found[name] = {client.way: await outcome(check, client) for client in clients}
    json.dump(found, sys.stdout)
