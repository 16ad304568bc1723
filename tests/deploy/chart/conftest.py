"""Both releases of Helm, and what each renders."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.deploy.chart.helm import RELEASES, Helm, Object, program
from tests.deploy.chart.switches import cases

Render = Callable[[str], list[Object]]


@pytest.fixture(scope="session")
def helms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Helm]:
    """Each release of Helm."""
    folder = tmp_path_factory.mktemp("helm")
    return {release: Helm(program(release, folder), folder) for release in RELEASES}


@pytest.fixture(scope="session")
def helm(helms: dict[str, Helm]) -> Helm:
    """The newest Helm."""
    return helms[RELEASES[-1]]


@pytest.fixture(scope="session")
def rendered(helm: Helm) -> Render:
    """The objects of a case, rendered once."""
    return cache(lambda name: helm.render(cases()[name]))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files of a test."""
    return tmp_path_factory.mktemp("chart")
