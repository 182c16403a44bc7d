"""Fixtures of the scene tests: real MRML through slicer-core, result folders on a hard grid."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from result_folders import oblique, write_result


@pytest.fixture
def a_session() -> Iterator[Any]:
    from XAIReportLib.scene.session import SceneUnavailable, private_session, slicer_package

    try:
        slicer_package()
    except SceneUnavailable as reason:
        pytest.skip(str(reason))
    with private_session() as session:
        yield session


@pytest.fixture
def a_result(tmp_path: Path) -> Path:
    """On an oblique, anisotropic, left-handed grid."""
    return write_result(tmp_path / "case-7", oblique())


@pytest.fixture
def reopened(a_session: Any) -> Callable[[Path], Any]:
    """Opens a scene.mrb in a scene of its own."""

    def open_bundle(path: Path) -> Any:
        assert a_session.scene.ReadFromMRB(str(path), True, None)
        return a_session.scene

    return open_bundle
