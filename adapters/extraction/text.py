"""Files that are text: Markdown, tables, source code, logs and prose. The name tells which."""

import json
import re
from collections.abc import Iterator

from adapters.extraction import decoding, tables, webpage
from adapters.extraction.parts import MORE, PART_CHARS, Note, Part, fenced

_LANGUAGES = {
    "bash": "bash sh zsh", "c": "c h", "clojure": "clj", "cmake": "cmake", "cpp": "cc cpp hpp",
    "csharp": "cs", "css": "css", "dart": "dart", "diff": "diff patch", "dockerfile": "dockerfile",
    "elixir": "ex exs", "erlang": "erl", "go": "go", "graphql": "graphql", "groovy": "gradle",
    "haskell": "hs", "hcl": "hcl tf", "ini": "cfg conf env ini properties", "java": "java",
    "javascript": "js mjs", "json": "ipynb json jsonl", "jsx": "jsx", "kotlin": "kt", "latex": "tex",
    "lua": "lua", "makefile": "makefile", "matlab": "m", "nix": "nix", "ocaml": "ml", "perl": "pl",
    "php": "php", "powershell": "ps1", "protobuf": "proto", "python": "py pyi", "r": "r", "ruby": "rb",
    "rust": "rs", "scala": "scala", "scss": "scss", "sql": "sql", "svelte": "svelte", "swift": "swift",
    "text": "log", "toml": "toml", "tsx": "tsx", "typescript": "ts", "vue": "vue", "xml": "svg xml",
    "yaml": "yaml yml", "zig": "zig",
}  # fmt: skip
_CODE = {suffix: language for language, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}
"""The info string of a fence by the suffix of the name, or by the whole name. Logs are text as it stands."""

_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_FRONT_MATTER = re.compile(r"---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)


def parts(data: bytes, suffix: str, most: int) -> Iterator[Part | Note]:
    """The parts of a text's first `most` characters; `suffix` is the name's, without its dot and in lower
    case, or a whole name such as ``makefile``."""
    text = decoding.text_of(data, most + 1)
    yield from _parts(text[:most], suffix)
    if len(text) > most:
        yield MORE


def _parts(text: str, suffix: str) -> Iterator[Part]:
    if suffix in ("csv", "tsv", "tab"):
        yield from tables.separated(text, tabs=suffix != "csv")
    elif suffix in ("html", "htm", "xhtml") or (suffix not in _CODE and _HTML.match(text)):
        yield from webpage.parts(text)
    elif suffix in _CODE:
        yield from _code(_readable(text) if suffix == "json" else text, _CODE[suffix])
    else:
        # Front matter would otherwise read as a heading underlined by its own end.
        yield Part(
            _FRONT_MATTER.sub(lambda found: fenced(found[1], "yaml") + "\n\n", text, count=1)
            if text.startswith("---\n")
            else text
        )


def _readable(text: str) -> str:
    """JSON on one line is spread over many, so that it can be cut and cited by line."""
    if max(map(len, text.split("\n"))) <= PART_CHARS:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return text


def _code(text: str, language: str) -> Iterator[Part]:
    """Fenced blocks of about one passage, cut before a line that starts something anew: one after a
    blank line, best at the left margin."""
    lines = text.rstrip().split("\n")
    start = 0
    while start < len(lines):
        end = _cut(lines, start)
        if lines[start].strip():
            body = "\n".join(lines[start:end]).rstrip()
            lines_read = f"L{start + 1}-L{end}"  # as forges name them in links
            yield Part(fenced(body, language), label=f"lines {start + 1}-{end}", anchor=lines_read)
        start = end


def _cut(lines: list[str], start: int) -> int:
    """Where the block that begins at `start` ends (exclusive); blank lines before one stand alone."""
    if not lines[start].strip():
        return start + 1
    size, end = 0, start
    best: tuple[bool, int] | None = None
    while end < len(lines):
        if end > start and not lines[end - 1].strip() and lines[end].strip() and size > PART_CHARS // 3:
            best = max(best or (False, end), (not lines[end][0].isspace(), end))
        size += len(lines[end]) + 1
        if size > PART_CHARS and end > start:
            return best[1] if best else end
        end += 1
    return end
