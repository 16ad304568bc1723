"""Write the parts of the chart that follow from others, or say that one has drifted.

    python scripts/chart.py            write them anew
    python scripts/chart.py --check    exit 1 and name the files that are not what they should be

The settings in helm/chasqui/values.schema.json follow from those of chasqui; values.yaml and the table in the
chart's README.md follow from the schema, which people edit.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm" / "chasqui"
# What the chart itself sets, from other values, and where the image keeps its data.
ELSEWHERE = {"data_dir", "http", "redis.url", "redis.fsync", "backend.urls", "slack.mode"}
BEGIN, END = "<!-- values -->", "<!-- end of values -->"

Schema = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    wanted = files()
    drifted = [path for path in wanted if not path.exists() or path.read_text("utf-8") != wanted[path]]
    if arguments == ["--check"]:
        for path in drifted:
            print(f"{path.relative_to(ROOT)} has drifted; say: make reference")
        return bool(drifted)
    for path in drifted:
        path.write_text(wanted[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def files() -> dict[Path, str]:
    """What each generated file should hold."""
    path = CHART / "values.schema.json"
    schema = with_settings(json.loads(path.read_text("utf-8")))
    readme = CHART / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    table = "\n".join(["| value | default | |", "|---|---|---|", *rows(schema)])
    return {
        path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        CHART / "values.yaml": "\n".join(values(schema)) + "\n",
        readme: f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}",
    }


def with_settings(schema: Schema) -> Schema:
    """The schema with the settings of the program of today."""
    sys.path.insert(0, str(ROOT))
    from bots.settings import Settings  # noqa: PLC0415 - from the checkout

    said = Settings.model_json_schema()
    sections: Schema = {}
    for name, section in said["properties"].items():
        kind = said["$defs"].get(section.get("$ref", "").rpartition("/")[2], {})
        keys = {key: value for key, value in _open(kind).items() if f"{name}.{key}" not in ELSEWHERE}
        if keys and name not in ELSEWHERE:
            sections[name] = {"type": "object", "additionalProperties": False, "properties": keys}
    kept = {name: kind for name, kind in said["$defs"].items() if f"#/$defs/{name}" in json.dumps(sections)}
    settings = schema["properties"]["settings"] | {"default": {}, "properties": sections}
    kept = {
        name: _public(kind) | ({"properties": _open(kind)} if _open(kind) else {})
        for name, kind in kept.items()
    }
    return {**schema, "properties": {**schema["properties"], "settings": settings}, "$defs": kept}


def _open(kind: Schema) -> Schema:
    """The keys of a section that are no secrets: those are files, and never in a ConfigMap."""
    keys = kind.get("properties", {})
    return {key: _public(value) for key, value in keys.items() if "password" not in json.dumps(value)}


def _public(value: Any) -> Any:
    """A schema as pydantic says it, without its titles and defaults: chasqui knows its own."""
    if isinstance(value, dict):
        return {k: _public(v) for k, v in value.items() if k != "default" and not _is_title(k, v)}
    return [_public(item) for item in value] if isinstance(value, list) else value


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)


def rows(schema: Schema, path: str = "") -> Iterator[str]:
    """The rows of the table: each value with its default and what it is for."""
    for name, value in schema["properties"].items():
        about = value.get("description", "").replace("|", "\\|")
        if "default" in value or "properties" not in value:
            default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
            yield f"| `{path}{name}` | {default} | {about} |"
        else:
            yield f"| **`{path}{name}`** | | {about} |"
        if "properties" in value:
            yield from rows(value, f"{path}{name}.")


def values(schema: Schema, indent: str = "") -> Iterator[str]:
    """The lines of values.yaml: each value with its default, below what it is for."""
    for name, value in schema["properties"].items():
        if not indent:
            yield ""
        yield f"{indent}# {value['description']}"
        if "default" in value:
            yield f"{indent}{name}: {json.dumps(value['default'])}"
        else:
            yield f"{indent}{name}:"
            yield from values(value, indent + "  ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
