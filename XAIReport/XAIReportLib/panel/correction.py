"""The reader's correction of the outlines: edited in the Segment Editor, measured by the worker, shown at once."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from XAIReportLib.case import InputError
from XAIReportLib.panel.failures import failure
from XAIReportLib.panel.opening import folder_of
from XAIReportLib.panel.timer import Timer
from XAIReportLib.scene import corrected
from XAIReportLib.scene.cases import LoadedResult

# A stroke of the brush is many events; what follows is done once, when it has rested for so long.
REST_MS = 250


class Correction:
    """Watches the lesion segments of the shown case, added ones too, and has everything that rests on them measured anew.

    :param ask: XAIReportLogic.ask.
    :param prepare: called before the worker is needed; may ask, install, and raise with the reason.
    :param onRevised: called when findings and sentences in the scene have changed.
    :param onError: called with what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        ask: Callable[..., None],
        prepare: Callable[[], None],
        onRevised: Callable[[], None],
        onError: Callable[[BaseException], None],
    ) -> None:
        self._ui, self._ask, self._prepare = ui, ask, prepare
        self._onRevised, self._onError = onRevised, onError
        self._case: LoadedResult | None = None
        self._state: tuple[Any, ...] = ()
        self._observed: tuple[Any, list[int]] | None = None
        self._workspace: Path | None = None
        self._busy = False
        self._leftOut = ""
        self._timer = Timer(self._onRest)
        ui.correctButton.clicked.connect(self._onCorrect)

    @property
    def isPending(self) -> bool:
        """Whether an edit is not yet in the findings."""
        return self._busy or self._timer.isRunning

    def show(self, case: LoadedResult | None) -> None:
        """Watch another case, or none."""
        before = self._case
        if case and before and case.volume is before.volume and case.segmentation is before.segmentation:
            self._case = case
            self._say()
            return
        self._forget()
        self._case = case
        if case is not None and case.segmentation is not None:
            self._state = corrected.state_of(case)
            segmentation = case.segmentation.GetSegmentation()
            events = (
                segmentation.SourceRepresentationModified,
                segmentation.SegmentAdded,
                segmentation.SegmentRemoved,
                segmentation.SegmentModified,  # all that Slicer says of an undone edit
            )
            self._observed = (segmentation, [segmentation.AddObserver(event, self._onEdit) for event in events])
            if corrected.unmeasured(case):  # added while nobody watched
                self._state = ()
                self._timer.start(REST_MS)
        self._say()

    def _forget(self) -> None:
        self._timer.stop()
        self._leftOut = ""
        if self._observed is not None:
            segmentation, tags = self._observed
            for tag in tags:
                segmentation.RemoveObserver(tag)
            self._observed = None
        if self._workspace is not None:
            shutil.rmtree(self._workspace, ignore_errors=True)
            self._workspace = None

    def _say(self, text: str = "") -> None:
        edited = self._case is not None and bool(self._case.document("findings.json").get("reader_edit"))
        here = self._case is not None and self._case.segmentation is not None and folder_of(self._case) is not None
        self._ui.correctButton.enabled = here
        said = (_("Edited by the reader.") if edited else "", self._leftOut)
        self._ui.correctionLabel.text = text or " ".join(filter(None, said))

    def _onCorrect(self, *_args: Any) -> None:
        """To the Segment Editor; the worker gets ready meanwhile."""
        try:
            self._prepare()
        except Exception as error:  # said in the panel
            self._onError(error)
            return
        corrected.ready_to_edit(self._case)
        self._ask("prepare_revision", {"folder": str(folder_of(self._case))}, lambda _event: None)
        slicer.util.selectModule("SegmentEditor")

    def _onEdit(self, *_args: Any) -> None:
        if self._case is not None and corrected.state_of(self._case) != self._state:
            self._timer.start(REST_MS)

    def _onRest(self) -> None:
        self._timer.stop()
        if self._busy or self._case is None:
            return  # the answer that is awaited looks again
        case, state = self._case, corrected.state_of(self._case)
        if state == self._state:
            return
        folder = folder_of(case)
        if folder is None:
            self._onError(InputError(_("The result folder of this case is not at hand; load it to correct the case.")))
            return
        self._state, self._busy = state, True
        self._say(_("Edited by the reader: measuring…"))
        try:
            parameters = {"folder": str(folder), **self._export(case)}
            self._ask("revise", parameters, lambda event: self._onRevision(case, event))
        except Exception as error:  # the edit stays, and so does what was said before it
            self._busy = False
            self._say(_("The edit is not in the findings."))
            self._onError(error)

    def labels(self) -> dict[str, Any]:
        """The outlines in a file for the worker: parameters of its "revise" request."""
        return self._export(self._case)

    def _export(self, case: LoadedResult) -> dict[str, Any]:
        import numpy as np

        if self._workspace is None:
            self._workspace = Path(tempfile.mkdtemp(prefix="xaireport-"))
        self._leftOut = ""
        outlines = corrected.edited_outlines(case)
        self._leftOut = _leftOut(outlines)
        path = self._workspace / "labels.npy"
        np.save(path, outlines.labels)
        return {"labels": str(path), "affine": outlines.affine.tolist(), "output": str(self._workspace / "revised")}

    def _onRevision(self, case: LoadedResult, event: Any) -> None:
        self._busy = False
        if self._case is None or case.volume is not self._case.volume:
            return
        if event.type == "result":
            folder = Path(event.data["folder"])
            findings = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
            corrected.show_corrected(self._case, folder, findings)
            self._onRevised()
        elif event.type != "cancelled":
            self._say(_("The edit is not in the findings."))
            self._onError(failure(event, _("The edit could not be measured.")))
        if corrected.state_of(self._case) != self._state:
            self._timer.start(0)


def _leftOut(outlines: corrected.Outlines) -> str:
    """What the findings lack of the outlines as they are drawn."""
    said = []
    if outlines.nothing:
        text = _("Not in the findings: {numbers}, which has no voxel of the image that is not in another outline.")
        said.append(text.format(numbers=_abnormalities(outlines.nothing)))
    if outlines.in_part:
        text = _("Outlines overlap: what {numbers} shares with a smaller number is measured with that one.")
        said.append(text.format(numbers=_abnormalities(outlines.in_part)))
    return " ".join(said)


def _abnormalities(numbers: tuple[int, ...]) -> str:
    return ", ".join(_("abnormality {number}").format(number=number) for number in numbers)
