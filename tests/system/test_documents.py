"""What the documents name is there."""

import re
from pathlib import Path

import pytest

from adapters.metrics import METRICS
from bots.config import variable
from bots.settings import Settings, sections

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "decisions")]
SETTINGS = {variable(name) for name in Settings.model_fields if name not in sections()} | {
    variable(f"{section}.{key}") for section, model in sections().items() for key in model.model_fields
}
OF_COMPOSE = {
    name
    for file in (ROOT / "docker").glob("*.yaml")
    for name in re.findall(r"\$\{(CHASQUI_[A-Z_]+)", file.read_text("utf-8"))
}
"""What the Compose files ask for themselves, which is no setting."""
COMMANDS = re.findall(r"^## chasqui (.+)$", (ROOT / "docs/reference/commands.md").read_text(), re.MULTILINE)
METRIC = re.compile(r"\bchasqui_[a-z_]+[a-z]\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    """No variable, command or metric that chasqui does not know: people copy what stands there."""
    text = page.read_text("utf-8")
    named = {name.removesuffix("_FILE") for name in re.findall(r"\bCHASQUI_[A-Z_]*[A-Z]\b", text)}
    assert named - {"CHASQUI_SECTION__KEY", "CHASQUI_TEST_SEED"} <= SETTINGS | OF_COMPOSE
    assert set(METRIC.findall(text)) <= {metric.name for metric in METRICS}
    for said in re.findall(r"(?:^\$ |`)(?:\.venv/bin/)?chasqui ([a-z]+(?: [a-z]+)?)", text, re.MULTILINE):
        assert any(name in (said, said.split()[0]) for name in COMMANDS), f"chasqui {said}"


def test_every_metric_stands_in_the_reference() -> None:
    """And every setting, with words that say what it is for."""
    reference = (ROOT / "docs/reference/settings.md").read_text() + (
        ROOT / "docs/reference/metrics.md"
    ).read_text()
    assert all(f"`{name}`" in reference for name in SETTINGS | {metric.name for metric in METRICS})
