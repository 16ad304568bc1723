"""Texts as the worst of people and files would write them, and what a prompt made of them must look like."""

import os
import random
import re
from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from core.template import Template

SPECIAL_TOKENS = """<s> </s> <unk> <pad> <|im_start|> <|im_end|> <|endoftext|> <|begin_of_text|> <|eot_id|>
    <|start_header_id|> <｜User｜> [INST] [/INST] <<SYS>> <</SYS>> <start_of_turn> <end_of_turn> <repo_name>
    <reponame> <file_sep> <filename> <gh_stars> <issue_start> <issue_comment> <issue_closed> <jupyter_start>
    <jupyter_text> <jupyter_code> <jupyter_output> <jupyter_script> <empty_output>""".split()
"""Strings that a tokenizer of a model we know turns into one id with a meaning of its own."""

BLOCK_WORDS = "BEGININPUT ENDINPUT BEGINCONTEXT ENDCONTEXT BEGININSTRUCTION ENDINSTRUCTION".split()
ROLES = ["USER:", "ASSISTANT:", "USER :", "ASSISTANT\n:", "USER：", "user:", "Assistant:"]
PARTS = """< > / s </ /s> s> unk <| |> | im_end [ ] /INST] [INST INST << >> SYS END BEGIN INPUT CONTEXT
    INSTRUCTION USER ASSISTANT : ： SER: ASSIS TANT: ` ``` ~~~ # ## - | [1] S1 (S2) Source: References
    title: url: ? . 。 ! " ” ( ) https://evil.example/x""".split()
INVISIBLE = [*"\0\b\x1b\x7f\x80\x9f\xad\u061c\u180e\u200b\u200c\u200e\u200f\u202a\u202e\u2060\u2061\u2064"]
INVISIBLE += [*"\u2066\u2069\u206f\ufeff\ufff9\ufffb\U000e0001\U000e0041\U000e007f"]
SPACES = [*" \t\n\r\x85\u2028\u2029\u00a0\u3000\f\v", "  ", "\n\n", "\r\n"]
SCRIPTS = """word the Ünïcödé 日本語 中 한국어 עברית عربى ไทย é e\u0301 a\u0300\u0301\u0302 ſ İ ﬁ ²
    😀 👩\u200d🚀 👍🏽 ☕\ufe0f 🇵🇪 \u200d \ufe0f \ud83d \ude00 \udfff""".split()
FRAGMENTS = [*SPECIAL_TOKENS, *BLOCK_WORDS, *ROLES, *PARTS, *INVISIBLE, *SPACES, *SCRIPTS]

texts = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(codec=None), max_size=3), max_size=12
).map("".join)
"""Strategy: short texts of fragments of markers, invisible and all other characters, lone surrogates too."""


STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For every property: a busy machine is no reason to fail."""


def seeded() -> random.Random:
    """A generator, the same in each run; with CHASQUI_TEST_SEED of that seed, or with a new and shown one."""
    wanted = os.environ.get("CHASQUI_TEST_SEED") or "1"
    seed = random.randrange(2**32) if wanted == "random" else int(wanted)
    print(f"CHASQUI_TEST_SEED={seed}")
    return random.Random(seed)


def text(rng: random.Random, most: int = 12) -> str:
    """As `texts`, many times faster and not shrinking; one in 400 is as long as a book's chapter."""
    fragments = rng.choices(FRAGMENTS, k=rng.randrange(most + 1))
    if rng.random() < 0.0025:
        fragments *= rng.randrange(1, 2000)
    return "".join(fragments)


def pieces(rng: random.Random, whole: str) -> Iterator[str]:
    """`whole` in pieces of random sizes, some of them empty."""
    start = 0
    while start < len(whole):
        end = start + rng.choice((0, 1, 1, 2, 3, 5, 8, 40))
        yield whole[start:end]
        start = end


_MARKERS = re.compile(
    r"(?:begin|end)(?:input|context|instruction)|user\s*[:：]|assistant\s*[:：]|<\s*/?\s*(?:s|unk|pad)\s*>"
    r"|\[\s*/?\s*inst\s*\]|<<\s*/?\s*sys\s*>>|<[|｜](?:im_start\|>(?:system|user|assistant)\n|im_end\|>)?"
    r"|<(?:start|end)_of_turn>|<(?:repo_?name|file_?(?:sep|name)|gh_stars|empty_output|(?:issue|jupyter)_\w+)>",
    re.IGNORECASE,
)

_SYSTEM = {"llama-2": "[inst] <<sys>> <</sys>>", "chatml": "<|im_start|>system <|im_end|>"}
_NO_SYSTEM = {"llama-2": "[inst]"}
_FIRST_USER = {"llama-2": ""}
_USER = {"llama-2": "[inst]", "chatml": "<|im_start|>user {} <|im_end|>"}
_ASSISTANT = {"llama-2": "[/inst]", "chatml": "<|im_start|>assistant"}
_END = {"llama-2": "</s> <s>", "chatml": "<|im_end|>"}
_BLOCK = "begininput begincontext endcontext endinput "
_INSTRUCTION = "begininstruction endinstruction"


def markers(prompt: str) -> list[str]:
    """All that could be a turn, a block or a special token, in order, in any case and with any spaces."""
    return ["".join(found.split()).lower() for found in _MARKERS.findall(prompt)]


def expected_markers(
    template: Template, *, system: bool, closed: int, blocks: int | None = None, preamble: bool = False
) -> list[str]:
    """The markers of a prompt with `closed` earlier turns that ends where the assistant speaks.

    `blocks` are the BEGININPUT blocks of the last question, None for a question without an instruction
    block; `preamble` speaks of the instruction block before it. Written down once more, by hand, so as
    not to trust the code under test.
    """
    name = template.name
    context = "" if blocks is None else "begininstruction " * preamble + _BLOCK * blocks + _INSTRUCTION
    user = _USER.get(name, "user:")
    said = [_SYSTEM.get(name, "") if system else _NO_SYSTEM.get(name, "")]
    for turn in range(closed + 1):
        opening = _FIRST_USER.get(name, user) if turn == 0 else user
        asked = context if turn == closed else ""
        said.append(opening.format(asked) if "{}" in opening else f"{opening} {asked}")
        said.append(_ASSISTANT.get(name, "assistant:"))
        said.append(_END.get(name, "</s>") if turn < closed else "")
    return " ".join(said).split()
