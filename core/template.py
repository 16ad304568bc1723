"""How a model was taught to read a conversation, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """How a model was taught to read a conversation.

    A prompt is the system part, then for each message its prefix, its text and its suffix; it ends
    with `assistant_prefix` alone, and `gap` stands between that and an answer in the history.
    """

    name: str
    system: str
    system_prefix: str
    system_suffix: str
    no_system: str  # stands for the whole system part when the system text is empty
    user_prefix: str
    user_suffix: str
    assistant_prefix: str
    gap: str
    assistant_suffix: str
    first_user_prefix: str | None = None  # where the system part already opened the first user message

    @property
    def fixed(self) -> str:
        """All that stands around the texts of a conversation, whatever it says."""
        around_system = (self.system_prefix, self.system_suffix, self.no_system)
        around_user = (self.first_user_prefix or "", self.user_prefix, self.user_suffix)
        return "\n".join((*around_system, *around_user, self.assistant_prefix, self.assistant_suffix))
