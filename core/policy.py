"""How a team wants its answers: what its settings and its channels ask of whichever model gives them."""

from dataclasses import dataclass, replace

from core.own_template import stops
from core.profiles import PROFILES, ModelProfile, profile_for
from core.types import Grounding, Limits, Message


@dataclass(frozen=True, slots=True)
class Policy:
    """How a team wants its answers; None leaves a value to the model's profile.

    `evidence` is that of `Enough.meaning`.
    """

    grounding: Grounding = Grounding.PREFER
    persona: str | None = None
    profile: str | None = None
    max_new_tokens: int | None = None
    evidence: float | None = None

    def of(self, message: Message) -> "Policy":
        """This policy where a message came from, whose channel may want something else."""
        grounding = Grounding(message.grounding) if message.grounding else self.grounding
        return replace(self, grounding=grounding, persona=message.persona or self.persona)

    def profile_of(self, limits: Limits) -> ModelProfile:
        """The profile of a model under this policy."""
        profile = PROFILES[self.profile] if self.profile else profile_for(limits.model)
        if limits.template:
            profile = replace(profile, template=limits.template, stop=stops(limits.template))
        if self.evidence is not None:
            profile = replace(profile, evidence=replace(profile.evidence, meaning=self.evidence))
        return replace(
            profile,
            system=self.persona or profile.system,
            checked=profile.checked or self.grounding is Grounding.REQUIRE,
        )
