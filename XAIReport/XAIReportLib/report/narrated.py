"""The report of a finished result in a language model's words: a folder of its own inside the result, complete or absent.

The template's report stays as it is. A model that fails leaves a warning in run.json instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from XAIReportLib.case import InputError
from XAIReportLib.folder import add_warning, complete_or_absent, one_line, read_result, take_back_warning

from . import documents, findings
from .language_models import INSTEAD, Choice, Said, narrate
from .narrative import Narrative

NARRATED = "narrated"
WITHOUT = "There is no report in the words of a language model"  # how such a warning begins


def add(
    folder: Path,
    choice: Choice,
    said: Said | None = None,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
) -> tuple[Narrative | None, str]:
    """Has the report of a finished result written by the chosen narrator, into ``narrated`` in its folder.

    Returns:
        The narrative and no word; or, where the model has failed, why there is no such report, as run.json then warns too.

    Raises:
        Cancelled: ``cancelled`` returned True; the result is as it was.
    """
    try:
        story = narrate(findings.of_result(folder), choice, said, cancelled, waiting, folder)
        if story.narrator != choice.narrator:
            raise InputError(" ".join(note for note in dict.fromkeys(story.notes) if note != INSTEAD))
        write(folder, story)
    except (InputError, OSError) as error:
        return None, warned(folder, one_line(error))
    with suppress(InputError, OSError):
        take_back_warning(folder, WITHOUT)
    return story, ""


def write(folder: Path, story: Narrative) -> Path:
    """Writes the documents of a result in the words of ``story`` into ``narrated`` inside its folder. Returns that folder.

    Raises InputError when the folder is no finished result, or the story was written from other findings.
    """
    result, found = read_result(folder), findings.of_result(folder)
    if story.findings_sha256 != found.sha256():
        raise InputError(
            f"The text was written from other findings than those of {folder.name}; have it written again."
        )
    by = {"name": story.narrator, "model requested": story.model_requested, "model returned": story.model_returned}
    run = {**result.run, "narrator": by}
    with complete_or_absent(result.path / NARRATED) as partial:
        documents.write(partial, found, story, result.figures, run)
        (partial / "run.json").write_text(json.dumps(run, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return result.path / NARRATED


def warned(folder: Path, why: str) -> str:
    """Says in a result why it has no such report, once; returns the warning."""
    warning = f"{WITHOUT}: {why}"
    with suppress(InputError, OSError):  # the disk that had no room for a report may have none for this
        add_warning(folder, warning, WITHOUT)
    return warning
