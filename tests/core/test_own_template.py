"""Templates learnt from engines that render in the ways of today's models."""

from collections.abc import Callable, Sequence

import pytest

from core.errors import BackendRejected, BackendUnavailable
from core.own_template import STRANGE, UNSAFE, Rendered, learn, stops
from core.prompt import CHATML, LLAMA_2, Say, render

Rule = Callable[[Sequence[Say], str], str]


def chatml(says: Sequence[Say], system: str) -> str:
    """SmolLM2 and Qwen: a system text of their own where none is given."""
    said = "".join(f"<|im_start|>{say.role}\n{say.text}<|im_end|>\n" for say in says)
    return f"<|im_start|>system\n{system or 'You are helpful.'}<|im_end|>\n{said}<|im_start|>assistant\n"


def llama_3(says: Sequence[Say], system: str) -> str:
    """A date before the system text, and a token that begins the text."""
    turns = [Say("user", ""), *says]
    heads = ["system", *(say.role for say in says)]
    texts = [f"Today Date: 26 Jul 2024\n\n{system}", *(say.text for say in turns[1:])]
    said = "".join(
        f"<|start_header_id|>{head}<|end_header_id|>\n\n{text}<|eot_id|>"
        for head, text in zip(heads, texts, strict=True)
    )
    return f"<|begin_of_text|>{said}<|start_header_id|>assistant<|end_header_id|>\n\n"


def llama_2(says: Sequence[Say], system: str) -> str:
    """The system text stands inside of the first question."""
    return "<s>" + render(LLAMA_2, says, system)


def gemma(says: Sequence[Say], system: str) -> str:
    """No place for a system text."""
    if system:
        raise BackendRejected("System role not supported")
    roles = {"user": "user", "assistant": "model"}
    said = "".join(f"<start_of_turn>{roles[say.role]}\n{say.text}<end_of_turn>\n" for say in says)
    return f"<bos>{said}<start_of_turn>model\n"


def mistral(says: Sequence[Say], system: str) -> str:
    """A space at the end, which belongs to the answer."""
    before = f"{system}\n\n" if system else ""
    texts = [say.text or "" for say in says]
    said = "".join(
        f" {text}</s>" if index % 2 else f"[INST] {before if not index else ''}{text} [/INST]"
        for index, text in enumerate(texts)
    )
    return f"<s>{said} "


RULES: dict[Rule, tuple[str, ...]] = {
    chatml: ("<|im_end|>", "<|im_start|>"),
    llama_3: ("<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
    llama_2: ("</s>", "<s>", "[INST]", "[/INST]"),
    gemma: ("<end_of_turn>", "<start_of_turn>"),
    mistral: ("</s>", "[INST]", "[/INST]"),
}


def asked(rule: Rule) -> Rendered:
    """The rule as an engine follows it."""

    async def rendered(says: Sequence[Say], system: str) -> str:
        return rule(says, system)

    return rendered


TALK = [Say("user", "One\n\ntwo"), Say("assistant", "three"), Say("user", "four?")]


@pytest.mark.parametrize("rule", RULES)
async def test_what_is_learnt_renders_as_the_engine_does(rule: Rule) -> None:
    """With a system text and without one; only the token that begins a text is left out."""
    template = await learn(asked(rule))
    for says in (TALK, TALK[:1]):
        for system in ("", "Be brief."):
            if system and rule is gemma:
                continue
            theirs = rule(says, system)
            begin = theirs[: len(theirs) - len(theirs.removeprefix("<s>").removeprefix("<bos>"))]
            begin = begin or ("<|begin_of_text|>" if rule is llama_3 else "")
            assert render(template, says, system) == theirs.removeprefix(begin).rstrip(" ")


@pytest.mark.parametrize("rule", RULES)
async def test_the_tokens_that_end_a_turn_end_an_answer(rule: Rule) -> None:
    """As many as TGI takes."""
    assert stops(await learn(asked(rule))) == RULES[rule]


async def test_a_model_without_a_place_for_a_system_text_reads_it_before_the_first_question() -> None:
    """It is part of that question."""
    template = await learn(asked(gemma))
    assert render(template, TALK[:1], "Be brief.") == (
        "<start_of_turn>user\nBe brief.\n\nOne\n\ntwo<end_of_turn>\n<start_of_turn>model\n"
    )


async def test_chatml_is_learnt_as_we_know_it() -> None:
    """Up to where a model's own system text goes."""
    template = await learn(asked(chatml))
    assert render(template, TALK, "Be brief.") == render(CHATML, TALK, "Be brief.")


def thinking(says: Sequence[Say], system: str) -> str:
    """A model that begins each answer with a thought, which is not repeated in what was said before."""
    return chatml(says, system) + "<think>\n"


def counting(says: Sequence[Say], system: str) -> str:
    """A template that says how many messages there are."""
    return f"{len(says)} messages\n{chatml(says, system)}"


def shouting(says: Sequence[Say], system: str) -> str:
    """A template that changes words."""
    return chatml([Say(say.role, (say.text or "").upper()) for say in says], system)


@pytest.mark.parametrize("rule", [thinking, counting, shouting])
async def test_a_template_that_does_more_is_refused(rule: Rule) -> None:
    """Rather than to send a model what it was never taught to read; the sentence says what to do."""
    with pytest.raises(BackendRejected) as refused:
        await learn(asked(rule))
    assert str(refused.value) == STRANGE


def alpaca(says: Sequence[Say], system: str) -> str:
    """Turns that begin with plain words."""
    heads = {"user": "### Instruction:", "assistant": "### Response:"}
    return f"{system}\n" + "".join(f"{heads[say.role]}\n{say.text}\n\n" for say in says) + "### Response:\n"


def unknown(says: Sequence[Say], system: str) -> str:
    """Special tokens that we have never heard of."""
    return (
        chatml(says, system).replace("<|im_start|>", "<reserved_106>").replace("<|im_end|>", "<reserved_107>")
    )


@pytest.mark.parametrize("rule", [alpaca, unknown])
async def test_a_template_whose_turns_people_could_forge_is_refused(rule: Rule) -> None:
    """What we would not take out of people's text would be read as a turn."""
    with pytest.raises(BackendRejected) as refused:
        await learn(asked(rule))
    assert str(refused.value) == UNSAFE


async def test_an_engine_that_is_away_is_no_strange_template() -> None:
    """It is asked again later."""

    async def rendered(says: Sequence[Say], system: str) -> str:
        raise BackendUnavailable("gone")

    with pytest.raises(BackendUnavailable):
        await learn(rendered)
