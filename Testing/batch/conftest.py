"""A real worker process that follows a script, for every file of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from XAIReportLib.worker.client import WorkerClient

SCRIPTED = Path(__file__).resolve().parents[1] / "worker" / "scripted_worker.py"


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    with WorkerClient(command=[sys.executable, str(SCRIPTED)], silence_timeout_s=30) as client:
        yield client
