"""From the version of the chart before this one, which is kept beside these tests as Helm packaged it.

None was released yet: 0.2.0 is the chart as it was before it knew of an embeddings server.
"""

from pathlib import Path

import pytest
import yaml

from tests.deploy.chart.helm import CHART, Helm, Object, of_kind
from tests.deploy.chart.switches import cases

[PREVIOUS] = Path(__file__).parent.glob("previous/chasqui-*.tgz")

FIXED = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "Service": ("clusterIP",),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "resources"),
}
"""What the API server lets nobody change in an object that is there."""


@pytest.mark.parametrize("case", cases())
def test_an_upgrade_changes_nothing_that_cannot_be_changed(helm: Helm, case: str) -> None:
    """Values that the version before took are still taken, no object is lost, and what is fixed stays."""
    known = yaml.safe_load(helm.run("show", "values", str(PREVIOUS)).stdout)
    then = {name: value for name, value in cases()[case].items() if name in known}
    before, after = helm.render(then, chart=PREVIOUS), helm.render(cases()[case])

    for kind in sorted({item["kind"] for item in before}):
        older, newer = of_kind(before, kind), of_kind(after, kind)
        assert older.keys() <= newer.keys()
        for name in older:
            assert older[name]["apiVersion"] == newer[name]["apiVersion"]
            for key in FIXED.get(kind, ()):
                assert fixed(older[name], key) == fixed(newer[name], key), f"{kind} {name}: {key}"


def fixed(item: Object, key: str) -> object:
    """A part of an object's specification."""
    return item["spec"].get(key)


def test_this_chart_is_a_newer_version(helm: Helm) -> None:
    """What is packaged under a version never changes: a change of the chart brings another version."""
    shown = [helm.run("show", "chart", str(chart)).stdout for chart in (PREVIOUS, CHART)]
    before, after = (tuple(map(int, yaml.safe_load(each)["version"].split("."))) for each in shown)

    assert before < after
