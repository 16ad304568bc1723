"""Write helm/chasqui/dashboard.json: what Grafana shows of chasqui.

Its rows are in the order of the questions that one asks of a bot: do people get answers, how soon, what
waits, are the models well, do the platforms take the pages.

    python scripts/dashboard.py            write it anew
    python scripts/dashboard.py --check    exit 1 where the file is another
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "helm" / "chasqui" / "dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
HERE = 'namespace=~"$namespace"'
PROMPTS = "chasqui_replica_prompt_characters_total"
WIDTH, HEIGHT, COLUMNS = 8, 7, 24

Panel = tuple[str, str, str, dict[str, str]]
"""Title, what it tells, unit, and the query of each line by its legend."""


def rate(metric: str, by: str = "", more: str = "") -> str:
    """How often something is counted in a second."""
    return f"{_over('sum', by)} (rate({metric}{{{HERE}{more}}}[$__rate_interval]))"


def median(metric: str, by: str) -> dict[str, str]:
    """The median of a histogram for each value of a label."""
    buckets = f"sum by (le, {by}) (rate({metric}_bucket{{{HERE}}}[$__rate_interval]))"
    return {f"{{{{{by}}}}}": f"histogram_quantile(0.5, {buckets})"}


def quantiles(metric: str) -> dict[str, str]:
    """The median and the slowest twentieth of a histogram."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{HERE}}}[$__rate_interval]))"
    return {f"p{int(q * 100)}": f"histogram_quantile({q}, {buckets})" for q in (0.5, 0.95)}


def look(metric: str, how: str = "max", by: str = "") -> str:
    """What a gauge says now."""
    return f"{_over(how, by)} ({metric}{{{HERE}}})"


def _over(how: str, by: str) -> str:
    return f"{how} by ({by})" if by else how


ROWS: dict[str, list[Panel]] = {
    "Answers": [
        (
            "Questions by outcome",
            "refused: the documents do not say. set_aside: no attempt came to an end.",
            "ops",
            {"{{outcome}}": rate("chasqui_messages_total", "outcome")},
        ),
        (
            "Accepted and declined",
            "Declined: the inbox, or its asker's share of it, was full.",
            "ops",
            {
                "accepted, {{platform}}": rate("chasqui_messages_accepted_total", "platform"),
                "declined, {{platform}}": rate("chasqui_messages_declined_total", "platform"),
            },
        ),
        (
            "Sources and sentences",
            "Dropped: no passage that was sent holds it, and nobody saw it.",
            "ops",
            {
                "sources, {{result}}": rate("chasqui_citations_total", "result"),
                "sentences, dropped": rate("chasqui_sentences_dropped_total"),
            },
        ),
    ],
    "How soon": [
        (
            "Time to first text",
            "From the moment a worker took a question.",
            "s",
            quantiles("chasqui_first_text_seconds"),
        ),
        (
            "Time to the whole answer",
            "From the moment a worker took a question.",
            "s",
            quantiles("chasqui_answer_seconds"),
        ),
        (
            "Pace of an answer",
            "Tokens per second behind the first text.",
            "none",
            quantiles("chasqui_tokens_per_second"),
        ),
    ],
    "Inbox": [
        (
            "Waiting and being answered",
            "Over all workers.",
            "short",
            {"waiting": look("chasqui_inbox_waiting"), "being answered": look("chasqui_inbox_answering")},
        ),
        ("Lag", "For how long the oldest question waits.", "s", {"lag": look("chasqui_inbox_lag_seconds")}),
        (
            "Wait before a worker takes a question",
            "And how many were before it, where people were told.",
            "s",
            quantiles("chasqui_inbox_wait_seconds"),
        ),
        (
            "Place when people were told",
            "How many questions came before one.",
            "short",
            quantiles("chasqui_inbox_place"),
        ),
    ],
    "Models": [
        (
            "Replicas that are asked",
            "1 while the router asks one.",
            "short",
            {"{{replica}}": look("chasqui_replica_up", "min", "replica")},
        ),
        (
            "Answers at once",
            "And how many each replica takes.",
            "short",
            {
                "{{replica}}": look("chasqui_replica_streams", "sum", "replica"),
                "{{replica}} takes": look("chasqui_replica_slots", "max", "replica"),
            },
        ),
        (
            "Tokens",
            "Of prompts and of answers that ended.",
            "short",
            {"{{kind}}": rate("chasqui_tokens_total", "kind")},
        ),
        (
            "Outstanding tokens",
            "What the router has asked for and not got yet.",
            "short",
            {"{{replica}}": look("chasqui_replica_outstanding_tokens", "sum", "replica")},
        ),
        (
            "Time to a replica's first text",
            "From a request to the replica; the median.",
            "s",
            median("chasqui_replica_first_text_seconds", "replica"),
        ),
        (
            "Pace of a replica",
            "Tokens per second of one stream behind its first text; the median.",
            "none",
            median("chasqui_replica_tokens_per_second", "replica"),
        ),
        (
            "Failures, retries, ejections and answers that another went on with",
            "",
            "ops",
            {
                "{{replica}}: {{error}}": rate("chasqui_replica_failures_total", "replica, error"),
                "{{replica}}: sent anew": rate("chasqui_replica_retries_total", "replica"),
                "{{replica}}: ejected": rate("chasqui_replica_ejections_total", "replica"),
                "{{replica}}: went on": rate("chasqui_replica_continuations_total", "replica"),
            },
        ),
        (
            "Prompts that a replica's cache may hold",
            "Estimated from what it was sent before.",
            "percentunit",
            {
                "reused": rate(PROMPTS, more=', result="reused"') + " / " + rate(PROMPTS),
            },
        ),
    ],
    "Platforms and files": [
        (
            "Pages and writes",
            "A write shows a page as far as it has come.",
            "ops",
            {
                "pages, {{platform}}": rate("chasqui_pages_total", "platform"),
                "writes, {{platform}}": rate("chasqui_page_writes_total", "platform"),
            },
        ),
        (
            "Rate limits and retries",
            "What platforms refused, and what was tried again.",
            "ops",
            {
                "429, {{platform}}": rate("chasqui_platform_rate_limited_total", "platform"),
                "again: {{what}}": rate("chasqui_retries_total", "what"),
            },
        ),
        (
            "Files",
            "Refused: people are told why. Died: the process that read one.",
            "ops",
            {
                "{{result}}": rate("chasqui_files_total", "result"),
                "died": rate("chasqui_extraction_failures_total"),
            },
        ),
        (
            "Parts that are ready",
            "0: a part of a pod cannot do its work; its /readyz says why.",
            "short",
            {"{{pod}}: {{part}}": look("chasqui_ready", "min", "pod, part")},
        ),
        (
            "Versions",
            "Pods by the version that they run.",
            "short",
            {"{{version}}": look("chasqui_build_info", "sum", "version")},
        ),
    ],
}


def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana 10 and newer import it."""
    return {
        "uid": "chasqui",
        "title": "chasqui",
        "description": "Whether people get answers, how soon, and what is in the way.",
        "tags": ["chasqui"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_source(), _namespace()]},
        "panels": list(_panels()),
    }


def _source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _namespace() -> dict[str, Any]:
    query = "label_values(chasqui_build_info, namespace)"
    several = {
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        "name": "namespace",
        "type": "query",
        "datasource": SOURCE,
        "query": query,
        "refresh": 2,
        **several,
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in ROWS.items():
        number += 1
        grid = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": grid}
        top += 1
        for index, panel in enumerate(panels):
            number += 1
            down, across = divmod(index * WIDTH, COLUMNS)
            yield _panel(number, panel, {"h": HEIGHT, "w": WIDTH, "x": across, "y": top + down * HEIGHT})
        top += HEIGHT * -(-len(panels) * WIDTH // COLUMNS)


def _panel(number: int, panel: Panel, grid: dict[str, int]) -> dict[str, Any]:
    title, about, unit, queries = panel
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "gridPos": grid,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for index, (legend, query) in enumerate(queries.items())
        ],
    }


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    text = json.dumps(dashboard(), indent=1) + "\n"
    if arguments == ["--check"]:
        drifted = not FILE.exists() or FILE.read_text("utf-8") != text
        if drifted:
            print(f"{FILE.name} has drifted; say: make reference")
        return int(drifted)
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
