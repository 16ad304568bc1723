"""How things are laid out on a server, pinned there by the first process that ever connected.

Two numbers: that of the partitions, and that of the layout, which a release raises when it stores
something that the one before cannot read. Each release reads its own layout and the one before.
"""

import structlog

from adapters.redis import keys
from adapters.redis.store import Store
from core.errors import StoreError

log = structlog.get_logger()

LAYOUT = 1
"""What this release writes. A server without a number has layout 0."""

_RAISE = """
-- KEYS: the number of the layout. ARGV: what this release writes -> what stood there before
local stood = redis.call('GET', KEYS[1]) or '0'
if stood == tostring(ARGV[1] - 1) then redis.call('SET', KEYS[1], ARGV[1]) end
return stood
"""


async def pin(store: Store, partitions: int) -> int:
    """The number of partitions that counts on this server.

    Raises StoreError where the layout is not ours to read, or a number is damaged.
    """
    _check(await store.run(_RAISE, [keys.LAYOUT], LAYOUT))
    await store.command("SET", keys.PARTITIONS, partitions, "NX")
    pinned = _number(await store.command("GET", keys.PARTITIONS))
    if not pinned:
        raise StoreError(f"The key {keys.PARTITIONS} in Redis must hold a whole number above 0: restore it.")
    if pinned != partitions:
        log.info("redis.partitions_pinned", pinned=pinned, configured=partitions)
    return pinned


def _check(stood: bytes) -> None:
    layout = _number(stood)
    if layout is None:
        raise StoreError(f"The key {keys.LAYOUT} in Redis must hold a whole number: restore it.")
    if layout not in (LAYOUT - 1, LAYOUT):
        raise StoreError(
            f"{'A newer' if layout > LAYOUT else 'An older'} release of chasqui laid this Redis server out "
            f"(layout {layout}, this one reads {LAYOUT - 1} and {LAYOUT}): use a release that reads it."
        )


def _number(stored: bytes | None) -> int | None:
    return int(stored) if stored and stored.isdigit() else None
