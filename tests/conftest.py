"""What the command line of the tests takes."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    parser.addoption("--all-servers", action="store_true", help="run on every Redis-protocol server there is")
    parser.addoption("--local-slack", action="store_true", help="run with local-slack too, which npm fetches")
