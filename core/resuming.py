"""Going on with an answer that another worker began, if all that it was made of is what it was."""

from hashlib import blake2b

from core.draft import Draft
from core.types import Checkpoint


def digest(prompt: str) -> str:
    """Sixteen letters that only this prompt has."""
    return blake2b(prompt.encode("utf-8", "replace"), digest_size=8).hexdigest()


def rest(left: Checkpoint, prompt: str, draft: Draft) -> str | None:
    """What may be shown of the text that was `left`, and is not yet; None where no one can go on with it.

    That is so where it was said to another prompt, as after a fresh start of the thread, or where other
    sentences of it may be shown. The new `draft` is brought to where the one before it was.
    """
    if left.prompt != digest(prompt):
        return None
    shown = draft.feed(left.text) + (draft.close() if left.ended else "")
    if not shown and left.ended:  # a passage spoke for itself
        return ""
    return shown[len(left.shown) :] if shown.startswith(left.shown) else None
