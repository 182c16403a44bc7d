"""``scene.mrb`` of a finished result folder: written beside it, re-opened, compared, and only then put in place."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError
from XAIReportLib.files import patiently
from XAIReportLib.folder import locked, read_result, remove_scene_leftovers, take_back_warning

from . import views
from .load import load_result
from .session import Session, private_session, slicer_package
from .snapshot import differences, snapshot

FILE_NAME = "scene.mrb"


class SceneIncomplete(RuntimeError):
    """A scene was saved but does not come back as it was; the message says what was lost."""


def write_mrb(folder: str | Path) -> Path:
    """Make ``scene.mrb`` in a finished result folder, without a display; an older one stays until the new one is right. What the
    result says of a scene that could not be made is taken back.

    Raises:
        SceneUnavailable: slicer-core is missing.
        InputError: the folder is not a finished result, or another process writes it.
        SceneIncomplete: the saved scene lacks something.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    target = folder / FILE_NAME
    read_result(folder)  # what is none has nothing to lock
    with locked(folder), private_session() as session:
        remove_scene_leftovers(folder)
        slice_logics = views.add_slice_views(session)
        loaded = load_result(folder, session.scene)
        views.fit(slice_logics)
        views.go_to(session.scene, loaded.focus)
        written = snapshot(session.scene)
        # Beside the target, so that the last step is a rename on one file system.
        with tempfile.TemporaryDirectory(prefix=f".scene-{os.getpid()}-", dir=folder) as workspace:
            # The file's name without its suffix names the top folder inside the bundle.
            bundle = Path(workspace) / FILE_NAME
            _save(session, bundle)
            lost = differences(written, _reopened(bundle))
            if lost:
                raise SceneIncomplete(f"The scene of {folder} was not saved completely: {'; '.join(lost[:5])}.")
            patiently(bundle.replace, target)
        with contextlib.suppress(InputError, OSError):  # the scene is finished work
            take_back_warning(folder, FILE_NAME)
    return target


def _save(session: Session, bundle: Path) -> None:
    messages = slicer_package().vtkMRMLMessageCollection()
    if not session.scene.WriteToMRB(str(bundle), None, messages) or not bundle.is_file():
        raise SceneIncomplete(f"The scene could not be written: {_sentence(messages)}")


def _reopened(bundle: Path) -> dict[str, dict[str, Any]]:
    messages = slicer_package().vtkMRMLMessageCollection()
    with private_session() as session:
        if not session.scene.ReadFromMRB(str(bundle), True, messages):
            raise SceneIncomplete(f"The saved scene cannot be opened again: {_sentence(messages)}")
        return snapshot(session.scene)


def _sentence(messages: Any) -> str:
    return " ".join(messages.GetAllMessagesAsString().split()) or "no reason was given"
