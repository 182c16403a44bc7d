"""Opens a result folder into the live scene while the window stays alive: read in a thread, nodes made in small steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

from slicer.i18n import tr as _

from XAIReportLib.files import read_json
from XAIReportLib.panel.background import Background
from XAIReportLib.panel.timer import Timer
from XAIReportLib.scene.cases import FOLDER, LoadedResult, cases_in, remove_case, tell_apart
from XAIReportLib.scene.contents import Contents, read_contents
from XAIReportLib.scene.load import loading
from XAIReportLib.scene.terminology import load_dictionaries


class OpeningListener(Protocol):
    """Is told how the opening goes; exactly one of the last two ends it, unless it was abandoned. ``filling``: what is to be
    done in steps with the case before it is said to be open."""

    def openingProgressed(self, fraction: float) -> None: ...
    def filling(self, loaded: LoadedResult) -> list[Callable[[], None]]: ...
    def opened(self, loaded: LoadedResult) -> None: ...
    def openingFailed(self, error: BaseException) -> None: ...


class Opening:
    """One result folder on its way into the scene.

    :param replace: take earlier results of the same case out of the scene.
    """

    def __init__(self, folder: str | Path, scene: Any, replace: bool, listener: OpeningListener) -> None:
        self._folder, self._scene, self._replace, self._listener = Path(folder), scene, replace, listener
        self._steps: Generator[float, None, LoadedResult] | None = None
        self._loaded: LoadedResult | None = None
        self._filling: list[Callable[[], None]] = []
        self._timer = Timer(self._step)
        self.isRunning = True
        self._reading = Background(self._contents, self._read)

    def abandon(self) -> None:
        """Stop; no node of the case stays in the scene, and the listener hears nothing more."""
        self.isRunning = False
        self._reading.abandon()
        self._timer.stop()
        if self._steps is not None:
            self._steps.close()
        self._takeAway()

    def _contents(self) -> Contents:
        load_libraries()
        return read_contents(self._folder)

    def _read(self, contents: Contents | None, error: BaseException | None) -> None:
        if contents is None:
            self.isRunning = False
            self._listener.openingFailed(
                error or RuntimeError(_("{folder} could not be read.").format(folder=self._folder))
            )
            return
        self._steps = loading(contents, self._scene)
        self._timer.start(0)

    def _step(self) -> None:
        try:
            if self._loaded is None:
                self._load()
            elif self._filling:
                self._filling.pop(0)()
            else:
                self._removeEarlier(self._loaded)
                self._end()
                loaded, self._loaded = self._loaded, None
                self._listener.opened(loaded)
        except Exception as error:  # the scene is as before
            self._end()
            self._takeAway()
            self._listener.openingFailed(error)

    def _load(self) -> None:
        """One step into the scene; after the last one, what is to be filled."""
        assert self._steps is not None
        try:
            self._listener.openingProgressed(next(self._steps))
        except StopIteration as end:
            self._loaded = end.value
            keep_folder(self._loaded, self._folder)
            self._filling = self._listener.filling(self._loaded)

    def _removeEarlier(self, loaded: LoadedResult) -> None:
        """Only now, so that a cancelled opening loses nothing."""
        for case in cases_in(self._scene) if self._replace else ():
            if case.case_id == loaded.case_id and case.volume is not loaded.volume:
                remove_case(self._scene, case)
        tell_apart(self._scene, loaded)

    def _takeAway(self) -> None:
        if self._loaded is not None:
            remove_case(self._scene, self._loaded)
            self._loaded = None

    def _end(self) -> None:
        self.isRunning = False
        self._timer.stop()


def load_libraries() -> None:
    """Import what an opening needs, which takes a second: in a thread, before it is wanted."""
    import SimpleITK  # noqa: F401
    from scipy import ndimage  # noqa: F401

    load_dictionaries()


def keep_folder(loaded: LoadedResult, folder: str | Path) -> None:
    """Where the case came from, for reviews and corrections; only in the live scene, never in ``scene.mrb``."""
    loaded.volume.SetAttribute(FOLDER, str(Path(folder).absolute()))


def folder_of(case: LoadedResult) -> Path | None:
    """The result folder of a case, if it is still there: where it was opened from, or where its scene lies."""
    told = case.volume.GetAttribute(FOLDER)
    scene_file = case.volume.GetScene().GetURL()
    for place in (told, str(Path(scene_file).parent) if scene_file else None):
        if place and (Path(place) / "run.json").is_file() and _case_in(Path(place)) == case.case_id:
            return Path(place)
    return None


def _case_in(folder: Path) -> str | None:
    """The case id that the findings in a folder name; None where there are none that can be read."""
    try:
        return read_json((folder / "findings.json").read_bytes())["case_id"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
