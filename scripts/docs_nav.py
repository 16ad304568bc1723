"""A hook of mkdocs: every page of docs/decisions/ stands in the navigation, whoever wrote it."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Add the decisions behind what mkdocs.yml names."""
    folder = Path(config["docs_dir"]) / "decisions"
    titles = {
        page: page.read_text("utf-8").partition("\n")[0].removeprefix("# ") for page in folder.glob("*.md")
    }
    pages = [{title: f"decisions/{page.name}"} for page, title in sorted(titles.items())]
    config["nav"].append({"Decisions": pages})
    return config
