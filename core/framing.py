"""A part of a text as a page that is whole by itself: opened again what was open, closed what is open."""

import re
from dataclasses import replace

from core.blocks import (
    QUOTE,
    Fence,
    Paragraph,
    State,
    TableHead,
    continued,
    lines,
    quote_signs,
    step,
    untabbed,
)
from core.inline import BEGINS_BLOCK

_BEGINS_BLOCK = re.compile(rf"\s*(?:{BEGINS_BLOCK})")
_NUMBER = re.compile(r" *\d")
_ISOLATES = re.compile("[\u2066-\u2069]")


def opened(text: str, state: State) -> tuple[str, int]:
    """`text` as the beginning of a page where `state` is open, and how many containers it still goes on with.

    Lines of a list item that began on an earlier page stand at the left. Nothing where it says nothing.
    """
    text = text.rstrip()
    if state.inside and not isinstance(state.leaf, Fence):
        text = text.lstrip(" \t")
    if state.inside and text.startswith("\n"):
        text, state = text[1:], replace(state, inside=False)
    if not state.inside:
        text, state = _begun(text, state)
    if not text.strip():
        return "", 0
    if (state.inside or state.marks) and _misread(text, state):
        state = replace(state, marks=("\u200b", *state.marks))
    head = ""
    if isinstance(state.leaf, Fence):
        head = f"{state.quotes}{state.leaf.opener}\n"
    elif isinstance(state.leaf, TableHead) and not state.inside:
        head = f"{state.quotes}{state.leaf.header}\n{state.quotes}{state.leaf.delimiter}\n"
    body, own = _moved(text, state)
    return (head + body).rstrip(), own


def _misread(text: str, state: State) -> bool:
    """Whether what stood within its line would be taken for the sign of a block at the start of one."""
    if isinstance(state.leaf, Fence):
        return text.lstrip().startswith(state.leaf.sign)
    return bool(_BEGINS_BLOCK.match(text)) or ("".join(state.marks) + text).startswith(("```", "~~~"))


def _begun(text: str, state: State) -> tuple[str, State]:
    """`text` from where it says something, and what of `state` it goes on with."""
    if not isinstance(state.leaf, Fence):
        first, found, rest = text.partition("\n")
        while found and not first.strip():
            text, state = rest, step(state, first)[0]
            first, found, rest = text.partition("\n")
        after, kind = step(state, first)
        goes_on = kind == "row" or (kind == "text" and after.containers == state.containers)
        return text, state if goes_on else State(state.containers)
    for line in lines(text, state):
        if line.kind == "closer":  # there is no code left
            return _begun(text[line.end + 1 :], State(state.containers))
        if line.kind != "code":
            return text, State(state.containers)
        if text[line.start : line.end].strip(" \t>"):
            break
    return text, state


def _moved(text: str, state: State) -> tuple[str, int]:
    """`text` with its first line as part of the containers of `state`, but without their indentation."""
    out: list[str] = []
    containers, marks, found = state.containers, "".join(state.marks), "\n"
    if state.inside:
        line, found, text = text.partition("\n")
        out.append(f"{state.quotes}{marks}{line}")
        state, marks = step(state, line)[0], ""
    while found and (marks or any(containers) or (containers and not out)):
        line, found, text = text.partition("\n")
        line = untabbed(line)
        at, matched = continued(containers, line)
        after, kind = step(state, line)
        ended = matched < len(containers)
        lazy = ended and kind == "text" and after.containers == containers
        if ended and isinstance(state.leaf, Fence) and state.containers == containers:
            out.append(quote_signs(containers) + state.leaf.sign)  # its item ended it so far
        containers = containers if lazy else containers[:matched]
        if ended and kind == "item" and isinstance(state.leaf, Paragraph) and _NUMBER.match(line, at):
            out.append(quote_signs(containers))  # a list goes on, which cannot end a paragraph
        out.append(quote_signs(containers) + marks + line[at:])
        state, marks = after, ""
    if found:  # the rest stands as it stood
        return "\n".join([*out, text]), 0
    return "\n".join(out), len(containers)


def close(page: str, after: State, own: int = 0) -> str:
    """`page` with an end for what is open in `after`; `own` of its containers do not indent it."""
    if not isinstance(after.leaf, Fence) and _ISOLATES.search(page):
        page += "\u2069" * _open_isolates(page.rpartition("\n")[2])
    page += "".join(reversed(after.marks))
    if isinstance(after.leaf, Fence):
        containers = after.containers
        signs = ("> " if item == QUOTE else " " * item * (n >= own) for n, item in enumerate(containers))
        page += f"\n{''.join(signs)}{after.leaf.sign}"
    return page


def _open_isolates(line: str) -> int:
    """How many bidirectional isolates are open at the end of a line; none outlives it (UAX 9)."""
    depth = 0
    for sign in _ISOLATES.findall(line):
        depth = max(0, depth + (-1 if sign == "\u2069" else 1))
    return depth
