"""From the version of the chart before this one, which is kept beside these tests as Helm packaged it.

None was released yet: 0.2.0 is the chart as it was before it knew of an embeddings server.
"""

import json
import tarfile
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.deploy.chart.helm import CHART, Helm, Object, of_kind
from tests.deploy.chart.switches import Values, cases

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
    then = known(cases()[case], schema())
    before, after = helm.render(then, chart=PREVIOUS), helm.render(cases()[case])

    for kind in sorted({item["kind"] for item in before}):
        older, newer = of_kind(before, kind), of_kind(after, kind)
        assert older.keys() <= newer.keys()
        for name in older:
            assert older[name]["apiVersion"] == newer[name]["apiVersion"]
            for key in FIXED.get(kind, ()):
                assert fixed(older[name], key) == fixed(newer[name], key), f"{kind} {name}: {key}"


@cache
def schema() -> Object:
    """What the version before says of its values."""
    with tarfile.open(PREVIOUS) as chart:
        file = chart.extractfile("chasqui/values.schema.json")
        assert file
        found: Object = json.load(file)
    return found


def known(values: Values, schema: Object) -> Values:
    """The values without those that came after this schema."""
    if schema.get("additionalProperties", True):
        return values
    properties = schema["properties"]
    return {
        name: known(value, properties[name]) if isinstance(value, dict) else value
        for name, value in values.items()
        if name in properties
    }


def fixed(item: Object, key: str) -> object:
    """A part of an object's specification."""
    return item["spec"].get(key)


def test_this_chart_is_a_newer_version(helm: Helm) -> None:
    """What is packaged under a version never changes: a change of the chart brings another version."""
    shown = [helm.run("show", "chart", str(chart)).stdout for chart in (PREVIOUS, CHART)]
    before, after = (tuple(map(int, yaml.safe_load(each)["version"].split("."))) for each in shown)

    assert before < after
