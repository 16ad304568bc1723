"""The chart under every switch: two releases of Helm, three versions of Kubernetes, restricted pods."""

import kubernetes_validate
import pytest

from tests.deploy.chart.conftest import Render
from tests.deploy.chart.helm import CHART, RELEASES, Helm, Object, pods
from tests.deploy.chart.switches import cases, merged

KUBERNETES = ("1.27", "1.32", "1.37")
"""The oldest that the chart names, the newest that the schemas know, and one between."""
CUSTOM = {
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
}
"""Kinds that Kubernetes itself has no schema of."""
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", cases())
def test_helm_finds_no_fault(helms: dict[str, Helm], release: str, case: str) -> None:
    """`helm lint --strict` is content with the chart under each switch."""
    done = helms[release].run("lint", "--strict", str(CHART), values=cases()[case])

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", cases())
def test_both_releases_of_helm_render_the_same(helms: dict[str, Helm], case: str) -> None:
    """Helm 3 and Helm 4 make equal objects of the chart."""
    first, second = (helms[release].render(cases()[case]) for release in RELEASES)

    assert first == second


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("case", cases())
def test_kubernetes_knows_every_field(rendered: Render, case: str, version: str) -> None:
    """Each object is valid under the strict schema, which knows no misspelt field."""
    for item in rendered(case):
        if item["kind"] in CUSTOM:
            assert item["apiVersion"] == CUSTOM[item["kind"]]
        else:
            kubernetes_validate.validate(item, version, strict=True)


def test_the_strict_schema_catches_a_misspelt_field(rendered: Render) -> None:
    """The check above would fail, were a field of the chart misspelt."""
    [budget] = [item for item in rendered("least") if item["kind"] == "PodDisruptionBudget"]
    misspelt = merged(budget, {"spec": {"maxUnavailible": 1}})

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, KUBERNETES[-1], strict=True)


def test_an_older_kubernetes_is_refused(helm: Helm) -> None:
    """Helm says that the chart needs a newer one, instead of installing half of it."""
    done = helm.run("template", "relay", str(CHART), "--kube-version", "1.26.0", values=cases()["least"])

    assert done.returncode != 0
    assert "incompatible" in done.stderr


@pytest.mark.parametrize("case", cases())
def test_every_pod_is_restricted(rendered: Render, case: str) -> None:
    """All that the restricted Pod Security Standard asks, and a read-only root besides."""
    found = pods(rendered(case))

    assert found
    for name, spec in found.items():
        assert list(violations(spec)) == [], name


def violations(spec: Object) -> list[str]:
    """What the restricted standard forbids in a pod.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    security = spec["securityContext"]
    wrong = [f"{host} is shared" for host in ("hostNetwork", "hostPID", "hostIPC") if spec.get(host)]
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        wrong.append("no seccomp profile")
    if not security.get("runAsNonRoot") or security.get("runAsUser") == 0:
        wrong.append("may be root")
    if spec.get("automountServiceAccountToken") is not False:
        wrong.append("has a token of the API server")
    wrong += [f"volume {it['name']}" for it in spec.get("volumes", ()) if not it.keys() & VOLUMES]
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        wrong += _of_container(container)
    return wrong


def _of_container(container: Object) -> list[str]:
    security, resources = container["securityContext"], container["resources"]
    wrong = [f"hostPort {port}" for port in container.get("ports", ()) if "hostPort" in port]
    if security["allowPrivilegeEscalation"] or security["privileged"] or not security["runAsNonRoot"]:
        wrong.append("may gain privileges")
    if security["capabilities"] != {"drop": ["ALL"]}:
        wrong.append("has capabilities")
    if not security["readOnlyRootFilesystem"]:
        wrong.append("may write to its root")
    if not resources["requests"].keys() >= {"cpu", "memory"} or "memory" not in resources["limits"]:
        wrong.append("has no bounds")
    return wrong
