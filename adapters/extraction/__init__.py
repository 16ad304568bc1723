"""Files to text: `extractor` is the host's side, `worker` runs in a process of its own, once per file.

The parsers of hostile files never run in the host. Only `extractor` may be imported by others; the
rest is loaded by the worker, so it imports neither asyncio nor the ports of the core.
"""
