"""What the metrics are told each time that they are asked for, because no event of the log counts it."""

from collections.abc import Callable, Sequence
from importlib.metadata import version

from adapters.metrics import Metrics
from core.errors import StoreError
from core.ports import Inbox
from core.replica import ReplicaView


async def of_build(metrics: Metrics) -> None:
    """What runs."""
    metrics.tell("chasqui_build_info", 1.0, version("chasqui"))


async def of_inbox(inbox: Inbox, metrics: Metrics) -> None:
    """How much there is to do; nothing while nobody knows."""
    try:
        load = await inbox.load()
    except StoreError:
        return
    metrics.tell("chasqui_inbox_waiting", load.waiting)
    metrics.tell("chasqui_inbox_answering", load.answering)
    metrics.tell("chasqui_inbox_lag_seconds", load.oldest)


async def of_replicas(replicas: Callable[[], Sequence[ReplicaView]], metrics: Metrics) -> None:
    """What the router of this process knows of its replicas."""
    for view in replicas():
        known, sent = view.known_characters, view.prompt_characters
        metrics.tell("chasqui_replica_up", float(view.state == "well"), view.name)
        metrics.tell("chasqui_replica_streams", view.streams, view.name)
        metrics.tell("chasqui_replica_outstanding_tokens", view.outstanding, view.name)
        metrics.tell("chasqui_replica_prompt_characters_total", known, view.name, "reused")
        metrics.tell("chasqui_replica_prompt_characters_total", sent - known, view.name, "new")
        if view.limits:
            metrics.tell("chasqui_replica_slots", view.limits.max_concurrent, view.name)
