"""Values that switch on every part of the chart, alone and together."""

from typing import Any

Values = dict[str, Any]

LEAST: Values = {
    "image": {"repository": "registry.example.com/chasqui"},
    "discord": {"enabled": True},
    "redis": {"url": "redis://store:6379/0"},
    "backend": {"urls": ["http://gpu-1:8080"]},
    "secrets": {"existingSecret": "tokens"},
}
"""The fewest values that a team gives."""

SWITCHES: dict[str, Values] = {
    "least": {},
    "slack in socket mode": {"discord": {"enabled": False}, "slack": {"enabled": True}},
    "slack over http": {"slack": {"enabled": True, "mode": "http", "replicas": 3}},
    "ingress": {
        "slack": {"enabled": True, "mode": "http"},
        "ingress": {
            "enabled": True,
            "className": "traefik",
            "host": "chasqui.example.com",
            "tlsSecret": "certificate",
            "annotations": {"cert-manager.io/issuer": "letsencrypt"},
        },
    },
    "gateway api": {
        "slack": {"enabled": True, "mode": "http", "autoscaling": {"enabled": True}},
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": ["chasqui.example.com"],
        },
    },
    "store in the secret": {"redis": {"url": "", "urlInSecret": True}, "networkPolicy": {"redisPort": 6380}},
    "key for the models": {"backend": {"urls": ["https://models"], "keyInSecret": "backend-api-key"}},
    "keys for the models": {
        "backend": {"keyInSecret": "backend-api-keys"},
        "settings": {"backend": {"others": {"code": {"urls": ["https://code"], "profile": "server"}}}},
    },
    "an embeddings server and a reranker": {
        "embeddings": {"keyInSecret": True, "rerankKeyInSecret": True},
        "settings": {"embeddings": {"url": "http://embeddings:8090", "rerank_url": "http://reranker:8091"}},
    },
    "traces": {
        "pod": {"extraEnv": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"}]},
        "networkPolicy": {"extraEgress": [{"ports": [{"port": 4318, "protocol": "TCP"}]}]},
    },
    "tokens in the values": {
        "secrets": {"existingSecret": "", "values": {"discord-token": "not-a-real-token"}},
    },
    "tokens in files": {
        "secrets": {"existingSecret": "", "directory": "/vault/secrets"},
        "pod": {
            "extraVolumes": [{"name": "vault", "emptyDir": {"medium": "Memory"}}],
            "extraVolumeMounts": [{"name": "vault", "mountPath": "/vault/secrets", "readOnly": True}],
        },
    },
    "settings": {
        "settings": {
            "answers": {"grounding": "require", "persona": 'Say "hello".\nBe short.'},
            "worker": {"grace_seconds": 150, "answers": 16},
            "discord": {"moderators": ["1", "2"], "channels": {"42": {"every_message": True}}},
        }
    },
    "hpa": {"worker": {"autoscaling": {"type": "hpa"}}},
    "keda": {"worker": {"autoscaling": {"type": "keda", "prometheus": "http://prometheus:9090"}}},
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Bots"}},
    },
    "monitoring with runbooks": {
        "prometheusRule": {"enabled": True, "runbooks": "https://docs.example.com/how-to/monitoring/"},
    },
    "open network": {"networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
    "closed network": {
        "networkPolicy": {
            "from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 80, "protocol": "TCP"}]}],
        }
    },
    "openshift": {"securityContext": {"pinUser": False}, "serviceAccount": {"create": False}},
    "scheduling": {
        "imagePullSecrets": ["registry"],
        "pod": {
            "annotations": {"team": "it"},
            "labels": {"team": "it"},
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "bots", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "priorityClassName": "low",
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        },
    },
    "digest": {"image": {"digest": "sha256:" + "0" * 64}, "fullnameOverride": "bot"},
    "trial": {
        "redis": {"url": ""},
        "backend": {"urls": []},
        "valkey": {"enabled": True},
        "tgi": {"enabled": True},
    },
    "trial without volumes": {
        "redis": {"url": ""},
        "valkey": {"enabled": True, "persistence": {"enabled": False}},
        "tgi": {"enabled": True, "persistence": {"storageClass": "fast"}},
    },
}


def merged(*parts: Values) -> Values:
    """Values over values, as Helm merges them."""
    result: Values = {}
    for part in parts:
        for key, value in part.items():
            before = result.get(key)
            under = before if isinstance(before, dict) and isinstance(value, dict) else None
            result[key] = merged(under, value) if under is not None else value
    return result


KEYS = (
    "discord-token",
    "slack-bot-token",
    "slack-signing-secret",
    "redis-url",
    "backend-api-keys",
    "embeddings-api-key",
    "rerank-api-key",
)
"""The secrets that are needed where everything is switched on."""
EVERYTHING: Values = merged(
    LEAST,
    *(
        SWITCHES[name]
        for name in SWITCHES
        if name not in ("openshift", "open network", "tokens in files", "hpa")
    ),
    {"slack": {"enabled": True}, "discord": {"enabled": True}},
    {"secrets": {"values": dict.fromkeys(KEYS, "not-a-real-token")}},
)


def cases() -> dict[str, Values]:
    """Each switch over the least values, and all of them together."""
    return {**{name: merged(LEAST, values) for name, values in SWITCHES.items()}, "everything": EVERYTHING}
