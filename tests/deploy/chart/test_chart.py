"""What the chart promises: who may read which token, what is reachable, how it scales, what it refuses."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.deploy.chart.conftest import Render
from tests.deploy.chart.helm import CHART, ROOT, Helm, Object, of_kind, pods
from tests.deploy.chart.switches import EVERYTHING, LEAST, Values, cases, merged

REFUSED: dict[str, tuple[Values, str]] = {
    "no image": ({"image": {"repository": ""}}, "Set image.repository"),
    "no platform": ({"discord": {"enabled": False}}, "Set discord.enabled or slack.enabled"),
    "no store": ({"redis": {"url": ""}}, "Set redis.url"),
    "no model": ({"backend": {"urls": []}}, "Set backend.urls"),
    "no tokens": ({"secrets": {"existingSecret": ""}}, "Set secrets.existingSecret"),
    "an ingress in socket mode": (
        {"slack": {"enabled": True}, "ingress": {"enabled": True}},
        "slack.mode to http",
    ),
    "keda without prometheus": (
        {"worker": {"autoscaling": {"type": "keda"}}},
        "worker.autoscaling.prometheus",
    ),
    "an ingress without a name": (
        {"slack": {"enabled": True, "mode": "http"}, "ingress": {"enabled": True}},
        "Set ingress.host",
    ),
    "a misspelt value": ({"workers": {"replicas": 3}}, "workers"),
    "a misspelt setting": ({"settings": {"answers": {"groundign": "require"}}}, "groundign"),
    "a setting of the wrong kind": ({"settings": {"inbox": {"in_all": "many"}}}, "in_all"),
    "a token as a setting": ({"settings": {"discord": {"token": "secret"}}}, "token"),
    "a key of another model as a setting": (
        {"settings": {"backend": {"others": {"big": {"urls": ["http://big"], "api_key": "secret"}}}}},
        "api_key",
    ),
    "too many gateways of Slack": ({"slack": {"enabled": True, "replicas": 11}}, "replicas"),
    "a key for no embeddings server": ({"embeddings": {"keyInSecret": True}}, "Set settings.embeddings.url"),
    "a key for no reranker": (
        {"embeddings": {"rerankKeyInSecret": True}},
        "Set settings.embeddings.rerank_url",
    ),
    "a password in an address": ({"redis": {"url": "redis://:secret@store:6379/0"}}, "set redis.urlInSecret"),
    "tokens that lack one": (
        {"secrets": {"existingSecret": "", "values": {"slack-bot-token": "t"}}},
        "secrets.values lacks discord-token",
    ),
    "an ingress for nobody": ({"ingress": {"enabled": True, "host": "a.example"}}, "Set slack.enabled"),
    "fewest that are more than most": (
        {"worker": {"autoscaling": {"type": "hpa", "min": 9}}},
        "worker.autoscaling.min is more than its max",
    ),
    "a name that Kubernetes does not take": ({"fullnameOverride": "My_Bot"}, "fullnameOverride"),
    "an address that is none": ({"redis": {"url": "store:6379"}}, "url"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_cannot_work_are_refused(helm: Helm, case: str) -> None:
    """Helm ends with a sentence that names the value, before anything is installed."""
    values, sentence = REFUSED[case]

    assert sentence in helm.refusal(merged(LEAST, values))


@pytest.fixture(scope="module")
def secrets(folder: Path) -> dict[str, str]:
    """A file for each secret: a table of none, which is also a token like any other, and an address."""
    (folder / "secret").write_text("{}")
    (folder / "url").write_text("redis://store:6379/0")
    other = {"CHASQUI_REDIS__URL_FILE": str(folder / "url")}
    return defaultdict(lambda: str(folder / "secret"), other)


@cache
def complaint(given: frozenset[tuple[str, str]]) -> str:
    """What `chasqui config` has against these variables, or nothing; asked once for the same ones."""
    done = subprocess.run(
        [sys.executable, "-m", "bots.cli", "config", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **dict(given)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("case", cases())
def test_chasqui_takes_the_settings_that_the_chart_gives(
    rendered: Render, case: str, secrets: dict[str, str]
) -> None:
    """Every variable of every role is one that the program knows, with a value that it accepts."""
    objects = rendered(case)
    settings = the_settings(objects)
    for name, spec in pods(objects).items():
        container = spec["containers"][0]
        if container["name"] in ("chasqui", "doctor"):
            variables = {item["name"] for item in container["env"] if item["name"].startswith("CHASQUI_")}
            given = settings["data"] | {variable: secrets[variable] for variable in variables}
            assert complaint(frozenset(given.items())) == "", name


def test_settings_reach_the_program_as_they_were_given(rendered: Render) -> None:
    """Numbers, lists and tables are JSON; text is itself, line breaks and quotes included."""
    data = the_settings(rendered("settings"))["data"]

    assert data["CHASQUI_ANSWERS__PERSONA"] == 'Say "hello".\nBe short.'
    assert data["CHASQUI_WORKER__GRACE_SECONDS"] == "150"
    assert json.loads(data["CHASQUI_DISCORD__MODERATORS"]) == ["1", "2"]
    assert json.loads(data["CHASQUI_DISCORD__CHANNELS"]) == {"42": {"every_message": True}}


def test_a_role_reads_only_the_secrets_that_it_needs(rendered: Render) -> None:
    """The gateway of one platform cannot see the token of the other, and only workers see a model's key."""
    found = {name: keys(spec) for name, spec in pods(rendered("everything")).items() if keys(spec)}
    every_role = {"redis-url", "embeddings-api-key", "rerank-api-key"}

    assert found["Deployment/bot-discord"] == {"discord-token"} | every_role
    assert found["Deployment/bot-slack"] == {"slack-bot-token", "slack-signing-secret"} | every_role
    tokens = {"discord-token", "slack-bot-token", "backend-api-keys"}
    assert found["Deployment/bot-worker"] == tokens | every_role


@pytest.mark.parametrize("case", ["slack in socket mode", "slack over http", "everything"])
def test_the_doctor_has_the_secrets_of_every_role(rendered: Render, case: str) -> None:
    """A token that only a gateway has is not missed by `helm test`."""
    found = pods(rendered(case))
    roles = [keys(spec) for name, spec in found.items() if name.startswith("Deployment/")]

    assert [keys(spec) for name, spec in found.items() if name.endswith("-doctor")] == [set().union(*roles)]


def the_settings(objects: list[Object]) -> Object:
    """The ConfigMap that every role reads."""
    maps = of_kind(objects, "ConfigMap")
    return next(item for item in maps.values() if "CHASQUI_HTTP__PORT" in item["data"])


def keys(spec: Object) -> set[str]:
    """The keys of the Secret that a pod mounts."""
    mounted = [volume["secret"] for volume in spec.get("volumes", ()) if "secret" in volume]
    return {item["key"] for secret in mounted for item in secret["items"]}


@pytest.mark.parametrize("case", cases())
def test_no_token_is_in_the_environment_or_in_a_configmap(rendered: Render, case: str) -> None:
    """Secrets are files: neither `kubectl describe` nor a child process shows one."""
    objects = rendered(case)

    for spec in pods(objects).values():
        for container in spec["containers"]:
            assert not any("secretKeyRef" in item.get("valueFrom", {}) for item in container.get("env", ()))
    for settings in of_kind(objects, "ConfigMap").values():
        assert "not-a-real-token" not in json.dumps(settings)


@pytest.mark.parametrize("case", cases())
def test_discord_has_one_connection(rendered: Render, case: str) -> None:
    """One pod, gone before another starts; and no budget that would keep its node from being drained."""
    objects = rendered(case)

    for name, deployment in of_kind(objects, "Deployment").items():
        if name.endswith("-discord"):
            assert deployment["spec"]["replicas"] == 1
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert not any(name.endswith("-discord") for name in of_kind(objects, "PodDisruptionBudget"))


@pytest.mark.parametrize("case", cases())
def test_what_selects_pods_finds_them(rendered: Render, case: str) -> None:
    """Services, budgets, policies and scalers name pods and Deployments that are there."""
    objects = rendered(case)
    labels = [
        item["spec"]["template"]["metadata"]["labels"]
        for item in objects
        if "template" in item.get("spec", {})
    ]
    deployments = of_kind(objects, "Deployment")

    for item in objects:
        spec = item.get("spec", {})
        if item["kind"] == "Service":
            assert selects(spec["selector"], labels), item["metadata"]["name"]
        elif item["kind"] == "PodDisruptionBudget":
            assert selects(spec["selector"]["matchLabels"], labels)
        elif item["kind"] == "NetworkPolicy":
            assert selects(spec["podSelector"]["matchLabels"], labels)
        elif item["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = deployments[spec["scaleTargetRef"]["name"]]
            assert "replicas" not in target["spec"], "two would set it"
        elif item["kind"] == "ServiceMonitor":
            services = [it["metadata"]["labels"] for it in of_kind(objects, "Service").values()]
            assert selects(spec["selector"]["matchLabels"], services) == 1


def selects(wanted: dict[str, str], labels: list[dict[str, str]]) -> int:
    """How many of the labels a selector finds."""
    return sum(wanted.items() <= each.items() for each in labels)


def test_a_worker_may_end_its_answers(rendered: Render) -> None:
    """A pod is killed later than the worker gives up by itself, whatever that is set to."""
    deployments = of_kind(rendered("settings"), "Deployment")

    spec = deployments["relay-chasqui-worker"]["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 150 + 30


def test_only_slacks_path_is_public(rendered: Render) -> None:
    """Neither an Ingress nor an HTTPRoute shows health or metrics."""
    [ingress] = of_kind(rendered("ingress"), "Ingress").values()
    [rule] = ingress["spec"]["rules"]
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [
        ("/slack/events", "Exact")
    ]

    [route] = of_kind(rendered("gateway api"), "HTTPRoute").values()
    [rule] = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "Exact", "value": "/slack/events"}, "method": "POST"}]


def test_a_gateway_reaches_no_model(rendered: Render) -> None:
    """Gateways reach names, platforms and the store; the port of the models is open to workers alone."""
    objects = rendered("least")

    assert ports(objects, "discord") == {53, 443, 6379}
    assert ports(objects, "worker") == {53, 443, 6379, 8080}


def ports(objects: list[Object], role: str) -> set[int]:
    """The ports that the pods of a role may reach."""
    policy = of_kind(objects, "NetworkPolicy")[f"relay-chasqui-{role}"]
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}


def test_each_role_reaches_every_server_that_it_asks(helm: Helm) -> None:
    """Other models are open to workers alone; with the embeddings server gateways answer `/kb search` too."""
    settings = {
        "backend": {"others": {"big": {"urls": ["http://big:9000", "https://cloud"]}}},
        "embeddings": {"url": "http://embeddings:8090/", "rerank_url": "http://reranker:8091"},
    }
    objects = helm.render(merged(LEAST, {"settings": settings}))

    assert ports(objects, "worker") == {53, 443, 6379, 8080, 9000, 8090, 8091}
    assert ports(objects, "discord") == {53, 443, 6379, 8090, 8091}


@pytest.mark.parametrize(
    ("url", "port"),
    [("rediss://store", 6379), ("redis://[fd00::1]:6390/0", 6390), ("redis://store:6380?timeout=5", 6380)],
)
def test_the_port_of_the_store_is_that_of_its_address(helm: Helm, url: str, port: int) -> None:
    """However it is written; Redis' own where it names none."""
    policies = of_kind(helm.render(merged(LEAST, {"redis": {"url": url}})), "NetworkPolicy")
    rules = policies["relay-chasqui-discord"]["spec"]["egress"]

    assert rules[-1] == {"ports": [{"port": port, "protocol": "TCP"}]}


def test_a_changed_setting_starts_pods_anew(helm: Helm) -> None:
    """The pods are annotated with what they were configured with."""

    def annotation(values: Values) -> str:
        deployment = of_kind(helm.render(merged(LEAST, values)), "Deployment")["relay-chasqui-worker"]
        return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/settings"])

    assert annotation({}) != annotation({"settings": {"answers": {"grounding": "require"}}})
    assert annotation({}) == annotation({"worker": {"replicas": 5}})


def test_the_probes_are_those_of_the_program(rendered: Render) -> None:
    """Liveness asks only for the event loop; readiness asks for the parts."""
    for name, spec in pods(rendered("least")).items():
        if name.startswith("Deployment/"):
            [container] = spec["containers"]
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_notes_say_what_to_do_next(helm: Helm, tmp_path: Path) -> None:
    """They name the objects of the release, and warn of what is for trials."""
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(EVERYTHING))
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "templates").symlink_to(CHART / "templates")
    for name in ("Chart.yaml", "values.yaml", "values.schema.json"):
        (notes / name).symlink_to(CHART / name)
    done = helm.run("install", "relay", str(notes), "--dry-run=client", "--values", str(values))
    said = done.stdout.partition("NOTES:")[2]

    assert done.returncode == 0, done.stderr
    assert "keys of the Secret bot:\n\n  backend-api-keys, discord-token, embeddings-api-key, " in said
    assert "exec deploy/bot-discord -- chasqui invite discord" in said
    assert "chasqui manifest slack --http https://chasqui.example.com" in said
    assert "the built-in Valkey is one pod" in said


def test_the_values_in_the_how_to_render(helm: Helm) -> None:
    """What people copy from there is what the chart takes, with a port for each server that it names."""
    page = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text("utf-8")
    values = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]

    assert ports(helm.render(merged(*values)), "worker") == {53, 443, 6379, 8000, 8080, 4318}


def test_the_defaults_are_those_of_the_schema() -> None:
    """values.yaml holds each default that values.schema.json names, and nothing besides."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def defaults(part: Object) -> Object:
        return {
            name: value["default"] if "default" in value else defaults(value)
            for name, value in part["properties"].items()
        }

    assert yaml.safe_load((CHART / "values.yaml").read_text()) == defaults(schema)
