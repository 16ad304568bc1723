"""Write docs/reference/ from the code: `make reference`. A test fails while it says something else."""

import sys
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.metrics import METRICS  # noqa: E402 - the path comes first
from bots.cli import cli  # noqa: E402 - as above
from bots.config import variable  # noqa: E402 - as above
from bots.settings import ChannelSection, Settings, sections  # noqa: E402 - as above

REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/reference.py from the code: change that, and run `make reference`. -->\n\n"


def metrics() -> str:
    """Every metric, as Prometheus reads it from ``/metrics``."""
    rows = [
        (f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.about)
        for each in METRICS
    ]
    about = """# Metrics

`chasqui serve` has these at `/metrics`, on the address of `CHASQUI_HTTP__HOST` and `CHASQUI_HTTP__PORT`, in
Prometheus' text format, beside Prometheus' own of the process (`process_resident_memory_bytes` and the
like). Names are part of what is public. No label holds a person's name, words or ids. Why metrics are counted
from the log is told in [decision 19](../decisions/0019-metrics.md).

"""
    return about + table(("metric", "kind", "labels", "what it says"), rows)


def settings() -> str:
    """Every setting, by section."""
    about = """# Settings

In the environment, or in `chasqui.toml` in the working directory: `CHASQUI_REDIS__URL` is the key `url` under
`[redis]` there. The environment wins. A secret may also be read from the file that `..._FILE` names. A key
that does not exist is an error. `chasqui config` shows the values in force and where each came from,
`chasqui doctor` what is wrong with them, and `chasqui init` writes the file.

Traces have no settings of their own: the standard variables `OTEL_*` hold, of which
[a page](../how-to/traces.md) tells.
"""
    top = {name: field for name, field in Settings.model_fields.items() if name not in sections()}
    parts = [about, table(_SETTING, [_setting(name, field) for name, field in top.items()])]
    for section, model in sections().items():
        rows = [_setting(f"{section}.{key}", field) for key, field in model.model_fields.items()]
        parts.append(f"## [{section}]\n\n{table(_SETTING, rows)}")
    rows = [_channel(key, field) for key, field in ChannelSection.model_fields.items()]
    parts.append(
        f"## [discord.channels.ID] and [slack.channels.ID]\n\n{table(('key', 'what it says'), rows)}"
    )
    return "\n".join(parts)


_SETTING = ("variable", "default", "what it says")


def _setting(name: str, field: FieldInfo) -> tuple[str, ...]:
    assert field.description, f"{name} has no description"
    secret = " It may come from a file: `..._FILE`." if "Secret" in str(field.annotation) else ""
    return f"`{variable(name)}`", _default(name, field), f"{_sentence(field.description)}{secret}"


def _channel(key: str, field: FieldInfo) -> tuple[str, ...]:
    assert field.description, f"{key} has no description"
    return f"`{key}`", _sentence(field.description)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return "`~/.local/share/chasqui`"
    value = field.get_default()
    if isinstance(value, Enum):
        value = value.value
    return f"`{value}`" if value not in (None, (), {}, "") else ""


def commands() -> str:
    """Every command, as its `--help` says it."""
    about = """# Commands

Errors go to stderr in one sentence. The exit code is 0, 1 for a failure, 2 for wrong use, and 130 after
Ctrl-C. What programs read is JSON on stdout, with `--json`.
"""
    found = [f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in _helped(get_command(cli), "chasqui")]
    return about + "".join(found)


def _helped(command: Any, name: str) -> Iterator[tuple[str, str]]:
    """Each command with its help, those that hold others left out."""
    if not hasattr(command, "commands"):
        context = command.context_class(command, info_name=name, terminal_width=100, max_content_width=100)
        yield name, "\n".join(line.rstrip() for line in command.get_help(context).strip().splitlines())
        return
    for inner in command.commands.values():
        yield from _helped(inner, f"{name} {inner.name}")


def chart() -> str:
    """Every value of the Helm chart, as its README has them from the schema (see `scripts/chart.py`)."""
    readme = (ROOT / "helm" / "chasqui" / "README.md").read_text("utf-8")
    about = "# Values of the chart\n\nWhat `helm install chasqui helm/chasqui --set ...` may set.\n\n"
    return about + readme.partition("<!-- values -->\n")[2].partition("<!--")[0]


def table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "metrics.md": metrics,
    "chart.md": chart,
}


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(NOTE + page(), "utf-8")


if __name__ == "__main__":
    main()
