"""The queries of dashboard and alerts, as Prometheus reads them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from adapters.metrics import LABELS, METRICS
from tests.deploy.chart.conftest import Render
from tests.deploy.chart.helm import CHART, of_kind

RULES: list[dict[str, Any]] = yaml.safe_load((CHART / "alerts.yaml").read_text())["groups"][0]["rules"]
QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{panel['title']}: {target['legendFormat']}": target["expr"]
        for panel in json.loads((CHART / "dashboard.json").read_text())["panels"]
        for target in panel.get("targets", ())
    },
}
OF_PROMETHEUS = {"namespace", "pod", "le"}
"""Labels that a scrape adds, or a histogram."""


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_can_be_read(name: str) -> None:
    """It is PromQL, and each label in it is one that its metric has."""
    query = QUERIES[name].replace("$__rate_interval", "5m").replace("$namespace", "bots")
    promql_parser.parse(query)

    used = set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", query))
    for group in re.findall(r"by \(([^)]*)\)", query):
        used |= {label.strip() for label in group.split(",")}
    metrics = [metric for metric in METRICS if re.search(rf"\b{metric.name}(_bucket)?\b", query)]
    assert metrics
    assert used - OF_PROMETHEUS <= {label for metric in metrics for label in metric.labels} <= LABELS


def test_the_chart_brings_alerts_and_dashboard_as_they_are(rendered: Render) -> None:
    """Helm changes nothing in them, least of all what Prometheus and Grafana put into braces."""
    objects = rendered("monitoring")
    [rule] = of_kind(objects, "PrometheusRule").values()
    maps = of_kind(objects, "ConfigMap")

    assert rule["spec"] == yaml.safe_load((CHART / "alerts.yaml").read_text())
    assert maps["relay-chasqui-dashboard"]["data"]["chasqui.json"] == (CHART / "dashboard.json").read_text()
    assert maps["relay-chasqui-dashboard"]["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_each_alert_links_to_what_to_do(rendered: Render) -> None:
    """Where the team says at which address the how-to is; the rest of the alerts stays as it is."""
    [rule] = of_kind(rendered("monitoring with runbooks"), "PrometheusRule").values()
    rules = rule["spec"]["groups"][0]["rules"]
    links = {each["alert"]: each["annotations"].pop("runbook_url") for each in rules}
    page = (CHART.parents[1] / "docs" / "how-to" / "monitoring.md").read_text("utf-8")
    parts = {name.lower() for name in re.findall(r"^### (\w+)$", page, re.MULTILINE)}

    assert rules == RULES
    assert set(links) == {each["alert"] for each in RULES}
    for link in links.values():
        address, _, part = link.partition("#")
        assert address == "https://docs.example.com/how-to/monitoring/"
        assert part in parts


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Prometheus' own tool; skips with what to install where there is none."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("chart-test: the rules were not run, for there is no promtool; install prometheus")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_prometheus_takes_the_rules() -> None:
    """promtool finds no fault in them."""
    done = promtool("check", "rules", str(CHART / "alerts.yaml"))

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Prometheus is given hours in which all is well, then the trouble that each alert is for."""
    tests = Path(__file__).with_name("alerts_test.yaml").read_text()
    file = tmp_path / "alerts_test.yaml"
    file.write_text(tests.replace("ALERTS", str(CHART / "alerts.yaml")))
    done = promtool("test", "rules", str(file))

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried() -> None:
    """None is without a test of when it fires."""
    tests = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text())["tests"]
    tried = {
        each["alertname"] for test in tests for each in test.get("alert_rule_test", ()) if each["exp_alerts"]
    }

    assert tried == {rule["alert"] for rule in RULES}
