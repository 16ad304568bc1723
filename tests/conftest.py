"""What the command line of the tests takes, and where their random inputs come from."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Of one tree the tests say one thing: what is random is the same in each run, but for `make fuzz`.
settings.register_profile("same", derandomize=True, database=None)
if os.environ.get("CHASQUI_TEST_SEED") != "random":
    settings.load_profile("same")


# Programs that tests start keep their bytecode, as those of people do: compiling it anew each time would take
# longer than what most of them are for.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell lets what runs in its background ignore Ctrl-C, and whatever that starts would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    parser.addoption("--all-servers", action="store_true", help="run on every Redis-protocol server there is")
    parser.addoption(
        "--images", action="store_true", help="build the images, and run them on a container engine"
    )
    parser.addoption("--charts", action="store_true", help="lint and render the chart with Helm")
    parser.addoption("--supply", action="store_true", help="run linters of images and workflows")
    parser.addoption("--local-slack", action="store_true", help="run with local-slack too, which npm fetches")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put whole programs first: their files take longest, and at the end no processor should wait for one."""
    items.sort(key=lambda item: "system" not in item.path.parts)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What fetches an engine, Helm or linters is collected by the targets of the Makefile for it alone."""
    parts = collection_path.relative_to(config.rootpath).parts
    options = {"image": "--images", "chart": "--charts", "supply": "--supply"}
    needs = options.get(parts[2] if len(parts) > 2 else "")
    return True if parts[:2] == ("tests", "deploy") and needs and not config.getoption(needs) else None
