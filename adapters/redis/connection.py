"""Connecting to a Redis-protocol server, or to any node of a cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.redis import layout
from adapters.redis.address import checked
from adapters.redis.retention import Retention
from adapters.redis.server import Cluster, Single
from adapters.redis.store import Store


@asynccontextmanager
async def connect(
    url: str, *, partitions: int = 64, retention: Retention | None = None
) -> AsyncIterator[Store]:
    """A store at a ``redis://``, ``rediss://`` or ``unix://`` address: a server, or any node of a cluster.

    The first process that ever connects pins the number of partitions; for all later ones that
    number counts and `partitions` does not. Raises SettingsError for an address that cannot be used
    and StoreError where no server serves, or one that holds what this release cannot read.
    """
    address, retention = checked(url), retention or Retention()
    server: Single | Cluster = Single(url)
    try:
        store = Store(server, address, partitions, retention)
        if (await store.command("INFO", "cluster")).get("cluster_enabled"):
            await server.aclose()
            server = Cluster(url)
            store = Store(server, address, partitions, retention)
        store.partitions = await layout.pin(store, partitions)
        yield store
    finally:
        await server.aclose()
