"""How a model says that it does not know."""

import re

_KNOWING = r"(?:know|knew|answer|find|found|determine|tell|say|mention|state|specif|indicate|information)"
_ABSTAINS = re.compile(
    rf"""^\W*(?:(?:sorry|unfortunately|i['’]?m\ sorry|i\ apologi[sz]e)\W+)?(?:
        (?:i|we)\W+(?:do\ not|don['’]t|cannot|can['’]t|am\ not\ able|could\ not)\b
            .{{0,40}}\b{_KNOWING}
      | an?\ answer\ could\ not
      | (?:it|this|that)\ is\ (?:not|un)\ ?(?:clear|known|stated|mentioned|specified)
      | there\ is\ no\ (?:information|mention|answer|data)
      | no\ (?:information|answer|mention)\b
      | (?:the\ )?answer\ is\ (?:not\ (?:in|found|given|known)|unknown)
      | (?:the|this)\ (?:provided\ |given\ )?
            (?:text|passage|document|context|file|source|sources|input|article|section)\w*\s
            (?:above\ |provided\ |given\ )?(?:do|does|did)(?:\ not|n['’]t)\ (?:\w+ly\ )?{_KNOWING}
      | .{{0,80}}\b(?:is|are|was|were)(?:\ not|n['’]t)\ (?:\w+ly\ )?(?:mentioned|stated|specified)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def abstains(answer: str) -> bool:
    """Whether a model's answer says, in its first words, that it does not know."""
    return _ABSTAINS.match(answer) is not None
