"""An opening that fails, wherever it does: one error, once, and nothing of the case in the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6 import QtCore  # noqa: F401 - a module that names PySide keeps its own names of properties, here methods
from result_folders import oblique, write_result

pytestmark = pytest.mark.usefixtures("a_host")


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def openingProgressed(self, fraction: float) -> None:
        """Not kept."""

    def filling(self, _loaded: Any) -> list[Any]:
        return []

    def opened(self, loaded: Any) -> None:
        self.told.append(loaded)

    def openingFailed(self, error: BaseException) -> None:
        self.told.append(str(error))


@pytest.fixture
def a_result(tmp_path: Path) -> Path:
    return write_result(tmp_path / "results" / "case-7", oblique())


def fail(*_arguments: Any) -> None:
    raise RuntimeError("It cannot be done.")


def contents(scene: Any) -> tuple[set[str], list[str]]:
    """Ids of the nodes, without the colours that every heat map shares, and the cases' folders in the subject hierarchy."""
    import slicer
    from vtkmodules.vtkCommonCore import vtkIdList

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    items = vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    names = [hierarchy.GetItemName(items.GetId(index)) for index in range(items.GetNumberOfIds())]
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    own = {node.GetID() for node in nodes if node.GetName() != "XAIReport heat map"}
    return own, [name for name in names if name.startswith("XAIReport ")]


@pytest.mark.parametrize("place", ["filling", "keep_folder", "show", "go_to"])
def test_what_fails_ends_the_opening_once_and_leaves_the_scene_as_before(
    a_host, a_result, wait_until, monkeypatch, place
):
    from XAIReportLib.panel import opening
    from XAIReportLib.scene import views

    before, listener = contents(a_host.scene), Heard()
    where = {"filling": listener, "keep_folder": opening}.get(place, views)
    monkeypatch.setattr(where, place, fail)
    one = opening.Opening(a_result, a_host.scene, True, listener)
    wait_until(lambda: listener.told)
    with pytest.raises(TimeoutError):
        wait_until(lambda: len(listener.told) > 1, 0.3)
    assert listener.told == ["It cannot be done."]
    assert not one.isRunning
    assert contents(a_host.scene) == before


@pytest.mark.parametrize("place", ["show", "go_to"])
def test_a_case_that_cannot_be_shown_does_not_take_the_place_of_the_earlier_one(a_host, a_result, monkeypatch, place):
    from XAIReportLib.scene import load_result, views

    load_result(a_result, a_host.scene)
    before = contents(a_host.scene)
    monkeypatch.setattr(views, place, fail)
    with pytest.raises(RuntimeError, match="cannot be done"):
        load_result(a_result, a_host.scene, replace=True)
    assert contents(a_host.scene) == before


def test_an_opening_given_up_after_its_last_step_leaves_no_empty_folder(a_host, a_result):
    from XAIReportLib.scene.contents import read_contents
    from XAIReportLib.scene.load import loading

    before = contents(a_host.scene)
    steps = loading(read_contents(a_result), a_host.scene)
    while next(steps) < 1.0:
        pass
    steps.close()
    assert contents(a_host.scene) == before


def test_a_folder_is_that_of_a_case_by_the_id_its_findings_name(a_host, tmp_path):
    from XAIReportLib.panel.opening import folder_of, keep_folder
    from XAIReportLib.scene import load_result

    own = write_result(tmp_path / "glioma", oblique(), case_id="glioma")
    case = load_result(own, a_host.scene)
    keep_folder(case, own)
    assert folder_of(case) == own
    other = write_result(tmp_path / "other", oblique(), case_id="other")
    assert '"glioma"' in (other / "findings.json").read_text("utf-8")  # a class, not the case
    keep_folder(case, other)
    assert folder_of(case) is None
    for text in ("{", "[]", "{}", "[" * 100_000):
        (other / "findings.json").write_text(text, "utf-8")
        assert folder_of(case) is None
