"""What one model needs, in one place, and which models need it.

The rule for the airoboros family is FastChat's (fastchat/model/model_adapter.py, AiroborosAdapter).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from core.prompt import (
    AIROBOROS_V2,
    CARD_SYSTEM,
    CHATML,
    LLAMA_2,
    VICUNA_V1_1,
    ContextOptions,
    Source,
    closed_context,
    numbered_sources,
    single_fact,
)
from core.template import Template
from core.types import Sampling

FIRST_MODEL = "default"
"""What people call the model that answers where none is chosen."""

ContextStyle = Callable[[Sequence[Source], str, ContextOptions], str]
"""How passages and a question become the last user message."""


@dataclass(frozen=True, slots=True)
class Enough:
    """The least evidence for a passage with which a model is asked.

    `words` is the share of the question, 0 to 1, that the passage holds, where nothing is known of its
    meaning. `meaning` counts where that is known: the cosine of both vectors, and two fifths of that share.
    With `certain` a passage is quoted where a checked model says nothing that it bears out.
    """

    words: float
    meaning: float
    certain: float = 0.7


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """Everything that differs from model to model.

    `system` None takes the template's own text; `stop` is sent to the backend (TGI takes four) and
    looked for again in the text. `passages` is how many go into one prompt. `evidence` is the least
    for the best passage before the model is asked, and `checked`
    says that each sentence is shown only when a passage bears it out: for models that invent.
    `window` bounds what the backend claims, where the model was trained for less. A document that does
    not fit into it is read for `reading_seconds`. A `literal` model must say what a single sentence
    says, and is too small to read a whole document. Temperature and what follows count for answers
    without passages.
    """

    name: str
    template: Template
    system: str | None = None
    stop: tuple[str, ...] = ()
    style: ContextStyle = closed_context
    context: ContextOptions = field(default_factory=ContextOptions)
    passages: int = 6
    evidence: Enough = Enough(words=0.3, meaning=0.5)
    checked: bool = False
    literal: bool = False
    window: int | None = None
    reading_seconds: float = 60.0
    temperature: float = 0.0
    top_p: float | None = None
    repetition_penalty: float | None = None
    max_new_tokens: int = 512

    def sampling(self, max_new_tokens: int, *, grounded: bool) -> Sampling:
        """How to continue a prompt: from passages the likeliest word each time, else with some freedom."""
        if grounded:
            return Sampling(max_new_tokens, stop=self.stop)
        return Sampling(
            max_new_tokens,
            self.temperature,
            self.top_p,
            repetition_penalty=self.repetition_penalty,
            stop=self.stop,
        )


_VICUNA_STOPS = ("</s>", "\nUSER:", "BEGININPUT", "BEGININSTRUCTION")

VICUNA = ModelProfile(
    name="vicuna_v1.1",
    template=VICUNA_V1_1,
    stop=_VICUNA_STOPS,
    window=2048,
    temperature=0.5,
    top_p=0.95,
)
AIROBOROS = replace(VICUNA, name="airoboros", system=CARD_SYSTEM)
AIROBOROS_2 = replace(VICUNA, name="airoboros_v2", template=AIROBOROS_V2, window=4096)
AIROBOROS_3 = replace(
    VICUNA,
    name="airoboros_v3",
    template=LLAMA_2,
    stop=("</s>", "[INST]", "BEGININPUT", "BEGININSTRUCTION"),
    window=4096,
)
CHAT_ML = ModelProfile(
    name="chatml",
    template=CHATML,
    stop=("<|im_end|>", "<|im_start|>", "<|endoftext|>", "</s>"),
    style=numbered_sources,
    temperature=0.5,
    top_p=0.95,
)
SMOLLM2 = ModelProfile(
    name="smollm2",
    template=CHATML,
    system="You are a helpful assistant.",
    stop=("<|im_end|>", "<|im_start|>", "<|endoftext|>", "</s>"),
    style=single_fact,
    passages=1,
    evidence=Enough(words=0.4, meaning=0.66),
    checked=True,
    literal=True,
    window=2048,
    repetition_penalty=1.15,
    max_new_tokens=128,
)
SERVER = replace(CHAT_ML, name="server")
"""Any chat model, by the template that its engine has: `Limits.template`."""

PROFILES = {p.name: p for p in (VICUNA, AIROBOROS, AIROBOROS_2, AIROBOROS_3, CHAT_ML, SMOLLM2, SERVER)}

_BY_MODEL = (
    (r"airoboros.*-3(?:\.|p)", AIROBOROS_3),
    (r"spicyboros|airoboros.*-2\.[2-9]", AIROBOROS_2),
    (r"airoboros", AIROBOROS),
    (r"smollm2", SMOLLM2),
)


def profile_for(model: str) -> ModelProfile:
    """The profile for a backend's model id, vicuna_v1.1 where nothing better is known."""
    for pattern, profile in _BY_MODEL:
        if re.search(pattern, model, re.IGNORECASE):
            return profile
    return VICUNA
