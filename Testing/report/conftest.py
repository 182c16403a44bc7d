"""What the report's tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from phantom_case import Analysed, analysed_phantom


@pytest.fixture(scope="session")
def analysed() -> Analysed:
    return analysed_phantom()
