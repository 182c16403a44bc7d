"""The chosen narrator, and what may leave this machine for it: asked once for each host while Slicer runs, for all cases, which
the question says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from XAIReportLib.case import InputError
from XAIReportLib.panel.opening import folder_of
from XAIReportLib.report.servers import host_of, remote_host
from XAIReportLib.scene.cases import LoadedResult

TEMPLATE = "template"


class Consent:
    """Remembers the hosts that findings, and those that pictures, may be sent to: one is no consent to the other."""

    def __init__(self) -> None:
        self._given: set[tuple[str, str]] = set()

    def request(self, chosen: Any, case: LoadedResult) -> dict[str, Any] | None:
        """The narrator's part of a request to the worker, from the parameter node; None when the person says no.

        :raises InputError: the server has no usable address, or pictures are wanted that may not be sent.
        """
        if chosen.narrator == TEMPLATE:
            return {"narrator": TEMPLATE}
        endpoint = chosen.narratorEndpoint.strip() or None
        remote = remote_host(chosen.narrator, endpoint)
        pictures = chosen.narratorPictures
        if pictures:
            figures_of(case)
        if remote is not None and not (self._findings(remote) and (not pictures or self._pictures(remote))):
            return None
        return {
            "narrator": chosen.narrator,
            "model": chosen.narratorModel.strip(),
            "endpoint": endpoint,
            "allow_remote": [remote] if remote else [],
            "allow_pictures": [host_of(chosen.narrator, endpoint)] if pictures else [],
        }

    def _findings(self, host: str) -> bool:
        text = _(
            "Send the findings of this case to {host}?\n\nNumbers, sides and the names of classes, methods and atlas regions "
            "go out. No image, name, date, identifier or free text does. The host may keep what it is sent.\n\n"
            "Your consent holds for this case and for further cases, until Slicer is closed: {host} is not asked about again."
        )
        return self._gives("findings", host, text, _("Send findings to {host}"))

    def _pictures(self, host: str) -> bool:
        text = _(
            "Send pictures of this case to {host} as well?\n\nSlices of the head with the outline and the heat maps go out, "
            "as pixels without name or date. A picture of a head can tell who it is. The host may keep what it is sent.\n\n"
            "Your consent holds for this case and for further cases, until Slicer is closed: {host} is not asked about again."
        )
        return self._gives("pictures", host, text, _("Send pictures to {host}"))

    def _gives(self, what: str, host: str, text: str, title: str) -> bool:
        if (what, host) not in self._given:
            if not slicer.util.confirmOkCancelDisplay(text.format(host=host), title.format(host=host)):
                return False
            self._given.add((what, host))
        return True


def figures_of(case: LoadedResult) -> Path:
    """The folder of the report's pictures that may be sent.

    :raises InputError: there is none, with the reason.
    """
    findings, folder = case.document("findings.json"), folder_of(case)
    if folder is None or not (folder / "figures").is_dir():
        raise InputError(
            _("The pictures of this case are not at hand; load its result folder, or ask without pictures.")
        )
    if not (findings.get("image") or {}).get("has_geometry", True):
        raise InputError(
            _("This case was read from a picture, which may have a name written into it; ask without pictures.")
        )
    if findings.get("reader_edit"):
        raise InputError(_("The pictures show the model's outline, not the reader's; ask without pictures."))
    return folder / "figures"


def whyNot(chosen: Any) -> str:
    """Why the chosen narrator cannot be asked; empty when it can."""
    if chosen is None or chosen.narrator == TEMPLATE or chosen.narratorModel.strip():
        return ""
    return _("Name the model first.")
