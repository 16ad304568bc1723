"""The dashboard and the alerts that come with the chart."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from adapters.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "chasqui"
DASHBOARD: dict[str, Any] = json.loads((CHART / "dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
ALERTS = (CHART / "alerts.yaml").read_text()
SERIES = {
    metric.name + ending
    for metric in METRICS
    for ending in (("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",))
}
"""Every name under which Prometheus keeps something of chasqui."""


def named(text: str) -> set[str]:
    """The names of metrics in a text."""
    return set(re.findall(r"\bchasqui_\w+", text))


def test_every_metric_of_the_dashboard_exists() -> None:
    """No panel stays empty since what it shows is called otherwise."""
    assert named(" ".join(QUERIES)) <= SERIES


def test_every_metric_of_the_alerts_exists() -> None:
    """No alert is silent since what it watches is called otherwise."""
    assert named(ALERTS) <= SERIES


def test_every_alert_is_in_the_how_to() -> None:
    """Who is woken finds there what to do."""
    page = (ROOT / "docs" / "how-to" / "monitoring.md").read_text("utf-8")

    assert [name for name in re.findall(r"alert: (\w+)", ALERTS) if f"\n### {name}\n" not in page] == []


def test_the_dashboard_shows_every_metric() -> None:
    """What is counted can be seen without writing a query."""
    shown = " ".join(QUERIES)

    assert [metric.name for metric in METRICS if metric.name not in shown] == []


def test_no_two_panels_lie_over_each_other() -> None:
    """Grafana is given a grid that needs no mending."""
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert {panel["id"] for panel in DASHBOARD["panels"]} == set(range(1, len(DASHBOARD["panels"]) + 1))


def test_the_dashboard_has_not_drifted() -> None:
    """The file is what the script writes."""
    command = [sys.executable, str(ROOT / "scripts" / "dashboard.py"), "--check"]

    assert subprocess.run(command, check=False).returncode == 0
