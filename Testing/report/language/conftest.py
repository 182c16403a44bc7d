"""Findings of the grounding tests serve here too; a scripted server stands for those of language models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "grounding")]


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    from running_server import running

    with running(tmp_path_factory.mktemp("server")) as server:
        yield server
