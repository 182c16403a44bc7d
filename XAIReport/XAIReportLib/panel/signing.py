"""The reader's name under a report, and the report handed on: review.json, and copies of the documents."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.case import InputError
from XAIReportLib.panel.correction import Correction
from XAIReportLib.panel.editing import Editing
from XAIReportLib.panel.failures import failure
from XAIReportLib.panel.opening import folder_of
from XAIReportLib.panel.sentences import plainTip
from XAIReportLib.reviews import FILE_NAME as REVIEW
from XAIReportLib.reviews import Review, read_review, write_review
from XAIReportLib.scene.cases import LoadedResult

DOCUMENTS = (
    "report.html",
    "report.pdf",
    "report.txt",
    "regions.csv",
    "findings.json",
    "narrative.json",
    "run.json",
)


class Signing:
    """The buttons "Mark as reviewed" and "Export…".

    :param ask: XAIReportLogic.ask; draws the report of a corrected case, and writes it in the reader's words.
    :param correction: the reader's edits of the outlines; ``editing``: of the sentences.
    :param onError: called with what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        ask: Callable[..., None],
        correction: Correction,
        editing: Editing,
        onError: Callable[[BaseException], None],
    ) -> None:
        self._ui, self._ask, self._correction, self._editing, self._onError = ui, ask, correction, editing, onError
        self._case: LoadedResult | None = None
        ui.reviewButton.clicked.connect(self._onReview)
        ui.exportButton.clicked.connect(self._onExport)
        ui.reviewerEdit.textChanged.connect(self._update)

    def show(self, case: LoadedResult | None) -> None:
        """Say who has reviewed this case."""
        self._case = case
        self._update()
        self._ui.reviewLabel.text = self._state()
        self._ui.reviewLabel.visible = bool(self._ui.reviewLabel.text)

    def _update(self, *_args: Any) -> None:
        here = self._case is not None and folder_of(self._case) is not None
        self._ui.reviewButton.enabled = here and bool(self._ui.reviewerEdit.text.strip())
        self._ui.exportButton.enabled = here

    def _state(self) -> str:
        folder = folder_of(self._case) if self._case is not None else None
        if self._case is None or folder is None:
            return ""
        try:
            review = read_review(folder)
        except InputError as error:
            return str(error)
        return " ".join(filter(None, (self._signature(review), self._withoutPlace(review))))

    def _withoutPlace(self, review: Review | None) -> str:
        """Wording of sentences that the report does not have any more, after a correction for instance."""
        sentences = self._case.document("narrative.json").get("sentences") or ()
        count = sum(not any(edit.is_about(s) for s in sentences) for edit in (review.edits if review else ()))
        if not count:
            return ""
        return _(
            "{count} edited sentences are not shown: the report's own have changed. They stay in review.json."
        ).format(count=count)

    def _signature(self, review: Review | None) -> str:
        if review is None or not review.is_signed:
            return _("Not reviewed yet.")
        when = datetime.fromisoformat(review.reviewed_at).strftime("%Y-%m-%d %H:%M UTC")
        if not review.is_of(self._findings()):
            return _("{name} reviewed other findings or wording of this case ({time}); these are not reviewed.").format(
                name=review.reviewer, time=when
            )
        corrected = _(", with the outline corrected by the reader") if review.corrected else ""
        return _("Reviewed by {name}, {time}{corrected}.").format(name=review.reviewer, time=when, corrected=corrected)

    def _findings(self) -> str:
        return self._case.texts["findings.json"].GetText()

    def _onReview(self, *_args: Any) -> None:
        self._withCurrentReport(self._sign)

    def _sign(self, _documents: Path) -> None:
        folder = folder_of(self._case)
        assert folder is not None
        write_review(folder, self._ui.reviewerEdit.text, self._findings(), self._edited())
        self.show(self._case)

    def _onExport(self, *_args: Any) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(self._ui.exportButton, _("Folder for the report"), "")
        if chosen:
            self._withCurrentReport(lambda documents: self._export(documents, Path(chosen)))

    def _export(self, documents: Path, place: Path) -> None:
        try:
            target = export(self._case, documents, place)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            text = _("The report cannot be written to {folder} ({reason}); choose another folder.")
            raise InputError(text.format(folder=place, reason=reason)) from error
        self._ui.folderLabel.text = _("Exported to {folder}").format(folder=target.name)
        self._ui.folderLabel.toolTip = plainTip(str(target))
        self._ui.folderLabel.visible = True

    def _edited(self) -> bool:
        return bool(self._case.document("findings.json").get("reader_edit"))

    def _withCurrentReport(self, use: Callable[[Path], None]) -> None:
        """Hand ``use`` the folder of the documents as they are shown; those of a corrected case are drawn first."""
        try:
            folder = folder_of(self._case)
            if folder is None:
                raise InputError(_("The result folder of this case is not at hand; load it first."))
            if self._correction.isPending or self._editing.isPending:
                raise InputError(_("The last edit is still being measured; try again when it is done."))
            if self._edited():
                parameters = {"folder": str(folder), "whole": True, **self._correction.labels()}
                self._have("revise", parameters, lambda documents: self._inReadersWords(folder, documents, use))
            else:
                self._inReadersWords(folder, folder, use)
        except Exception as error:  # said in the panel
            self._onError(error)

    def _inReadersWords(self, folder: Path, documents: Path, use: Callable[[Path], None]) -> None:
        """The documents as they are shown: with the reader's sentences, and by the narrator who has written last."""
        told = self._case.texts["narrative.json"].GetText()
        if self._editing.review.edits or told != (documents / "narrative.json").read_text(encoding="utf-8"):
            parameters = {"folder": str(folder), "corrected": self._edited(), "narrative": told}
            self._have("reword", parameters, use)
        else:
            use(documents)

    def _have(self, type: str, parameters: dict[str, Any], use: Callable[[Path], None]) -> None:
        """Hand ``use`` the folder that the worker writes."""
        case = self._case
        self._ui.reviewLabel.text, self._ui.reviewLabel.visible = _("Writing the report as the reader has it…"), True
        self._ui.reviewButton.enabled = self._ui.exportButton.enabled = False

        def written(event: Any) -> None:
            if self._case is None or case.volume is not self._case.volume:
                return  # another case is shown meanwhile
            self.show(case)
            try:
                if event.type != "result":
                    raise failure(event, _("The report was not written."))
                use(Path(event.data["folder"]))
            except Exception as error:  # said in the panel
                self._onError(error)

        self._ask(type, parameters, written)


def export(case: LoadedResult, documents: Path, place: Path) -> Path:
    """Copy the documents of a case from ``documents`` into a new folder in ``place``, whole or not at all.

    Raises OSError when it cannot be written.
    """
    target, number = place / f"{case.case_id}-report", 2
    while target.exists():
        target, number = place / f"{case.case_id}-report-{number}", number + 1
    folder = folder_of(case)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=place) as workspace:
        partial = Path(workspace) / "report"
        partial.mkdir()
        for name in DOCUMENTS:
            if (documents / name).is_file():
                shutil.copyfile(documents / name, partial / name)
        if folder is not None and (folder / REVIEW).is_file():
            shutil.copyfile(folder / REVIEW, partial / REVIEW)
        partial.rename(target)
    return target
