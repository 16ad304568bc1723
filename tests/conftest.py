"""What the command line of the tests takes, and where their random inputs come from."""

import os

import pytest
from hypothesis import settings

# Of one tree the tests say one thing: what is random is the same in each run, but for `make fuzz`.
settings.register_profile("same", derandomize=True, database=None)
if os.environ.get("CHASQUI_TEST_SEED") != "random":
    settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    parser.addoption("--all-servers", action="store_true", help="run on every Redis-protocol server there is")
    parser.addoption("--local-slack", action="store_true", help="run with local-slack too, which npm fetches")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put whole programs first: their files take longest, and at the end no processor should wait for one."""
    items.sort(key=lambda item: "system" not in item.path.parts)
