"""``xaireport check``: does a text say only what the findings hold? ``xaireport narrate``: a checked text by a language model.

``xaireport ask``: a question answered from the findings.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from XAIReportLib.case import InputError
from XAIReportLib.files import patiently

from . import narrator_options
from .languages import LANGUAGES
from .usage import took

if TYPE_CHECKING:
    from .dialogue import Reply
    from .language_models import Choice
    from .narrative import Narrative
    from .schema import Findings

OK, NOT_SUPPORTED = 0, 1


def add_parser(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="check a text, sentence by sentence, against the findings of a case")
    _add_findings(check)
    check.add_argument("text", metavar="TEXTFILE", help="a text file, - for standard input")
    check.add_argument("--language", choices=LANGUAGES, help="of the text; default: recognised by its words")
    check.add_argument("--json", action="store_true", help="one JSON document with the claims of each sentence")
    check.set_defaults(run=check_file)
    _add_narrate(commands)
    _add_ask(commands)


def _add_findings(command: argparse.ArgumentParser) -> None:
    """What every command here takes."""
    command.add_argument(
        "findings", metavar="FINDINGS", type=Path, help="findings.json, or the result folder that holds it"
    )
    command.add_argument("--debug", action="store_true", help="show where an error came from")


def _add_ask(commands: argparse._SubParsersAction) -> None:
    ask = commands.add_parser("ask", help="answer a question about a case from its findings alone")
    _add_findings(ask)
    ask.add_argument("question", metavar="QUESTION", help='such as "why glioma and not meningioma?"')
    ask.add_argument("--json", action="store_true", help="one JSON document with the evidence of each sentence")
    narrator_options.add_options(ask, required=False)
    ask.set_defaults(run=ask_findings)


def ask_findings(options: argparse.Namespace) -> int:
    """Exit code 0, also where the findings do not hold what was asked."""
    from .dialogue_model import reply

    found, folder = findings_at(options.findings), folder_of(options.findings)
    given = reply(options.question, found, _choice(options), folder=folder)
    print(_json(given.model_dump(mode="json")) if options.json else "\n".join(s.text for s in given.sentences))
    _tell_notes(options, given)
    return OK


def _add_narrate(commands: argparse._SubParsersAction) -> None:
    narrate = commands.add_parser(
        "narrate", help="have a language model write the text of a finished case, checked against its findings"
    )
    _add_findings(narrate)
    narrator_options.add_options(narrate, required=True)
    narrate.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="the narrative as JSON, never the result's own; this, --report or both",
    )
    narrate.add_argument(
        "--report",
        action="store_true",
        help="write report.html, report.pdf and report.txt in these words, too, into the folder narrated of the result",
    )
    narrate.set_defaults(run=narrate_findings)


def _choice(options: argparse.Namespace) -> Choice:
    from .language_models import TEMPLATE, choice_of

    return choice_of({"narrator": TEMPLATE} | narrator_options.chosen(options))


def _tell_notes(options: argparse.Namespace, written: Narrative | Reply) -> None:
    """What went wrong, what was left out, and what it took, beside the text."""
    for note in written.notes:
        options.console.warning(note)
    if written.left_out:
        options.console.warning(
            f"{len(written.left_out)} sentences of the model were left out, as the findings do not hold them."
        )
    if written.usage is not None:
        print(took(written.usage.model_dump()), file=sys.stderr)


def narrate_findings(options: argparse.Namespace) -> int:
    """Writes the narrative of a language model to a file of its own, or a report of it, and prints it; the template's report stays
    as it is."""
    from .language_models import narrate

    if options.output is None and not options.report:
        raise InputError("Nothing would be kept of the text; give --output FILE, --report or both.")
    found, folder = findings_at(options.findings), folder_of(options.findings)
    if options.output is not None:
        _check_output(options)
    if options.report:
        _check_result(folder)
    story = narrate(found, _choice(options), folder=folder)
    try:
        if options.output is not None:
            _write(options.output, story.to_json())
        if options.report and story.narrator == options.narrator:
            from .narrated import write

            print(f"Report: {write(folder, story) / 'report.html'}", file=sys.stderr)
    finally:  # what was paid for is shown even where it cannot be kept
        for sentence in story.sentences:
            print(sentence.text)
        _tell_notes(options, story)
    return OK if story.narrator == options.narrator else NOT_SUPPORTED


def _check_result(folder: Path) -> None:
    """Raises InputError before anything is asked where there is no finished result to put a report into."""
    from XAIReportLib.folder import check_writable, read_result

    from .findings import of_result
    from .narrated import NARRATED

    read_result(folder)
    of_result(folder)
    check_writable(folder / NARRATED)


def _check_output(options: argparse.Namespace) -> None:
    """Raises InputError before anything is asked where the narrative cannot be written, or would replace another file."""
    output: Path = options.output
    if output.name:  # the current folder has none
        _write(output, None)
    if output.is_dir():
        raise InputError(f"{output} is a folder; give a file name for --output.")
    if _is_of_result(output, folder_of(options.findings)):
        raise InputError(f"{output.name} is a file of the result and is not replaced; give another name for --output.")
    if output.resolve() in [given.resolve() for given in (options.replay, options.store, options.prices) if given]:
        raise InputError(f"{output.name} is given for something else, too; give another name for --output.")


def _is_of_result(path: Path, folder: Path) -> bool:
    """Whether a result has a file of this name, or ``folder`` has this file, unless it is another narrative."""
    from XAIReportLib.folder import DOCUMENTS, REPORTS
    from XAIReportLib.reviews import FILE_NAME

    from .narrative import Narrative

    inside, there = folder.resolve() in (path.parent.resolve() / path.name).parents, path.exists()
    if path.name.lower() in (*DOCUMENTS, *REPORTS, FILE_NAME):
        return inside or there
    if not (inside and there):
        return False
    try:
        Narrative.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return True
    return False


def _write(path: Path, text: str | None) -> None:
    """The whole file or none; without a text it is only tried.

    Raises:
        InputError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text or "", encoding="utf-8")
        if text is not None:
            patiently(partial.replace, path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be written ({error.strerror}); give another --output.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def check_file(options: argparse.Namespace) -> int:
    """Exit code 0 when every sentence is supported, 1 when one is not."""
    from .grounding.translated import checker_of
    from .own_lines import without_own_lines

    found, text = findings_at(options.findings), _text(options.text)
    language = _language(text, options.language)
    text, own = without_own_lines(text, found, folder_of(options.findings), language)
    checked = checker_of(found, language).text(text)
    if options.json:
        document = {"sentences": [c.model_dump(mode="json") for c in checked], "other_lines_of_the_report": own}
        print(_json(document))
    else:
        for sentence in checked:
            print(f"{sentence.verdict:>12}  {sentence.text}")
            if sentence.verdict != "supported":
                print(f"{'':>12}  {sentence.reason}")
        supported = sum(sentence.verdict == "supported" for sentence in checked)
        print(f"{supported} of {len(checked)} sentences are supported by the findings.")
        if own:
            print(f"{own} more lines (titles, tables, captions, sources) stand so in the report of these findings.")
    return OK if checked and all(sentence.verdict == "supported" for sentence in checked) else NOT_SUPPORTED


def _language(text: str, stated: str | None) -> str:
    """The language to read a text in.

    Raises:
        InputError: the text is empty, in no language that the check reads, or in another one than stated.
    """
    from .languages.recognition import language_of, name_of

    if not re.search(r"\w", text):
        raise InputError("The text is empty; give one with at least a sentence.")
    found = language_of(text)
    if stated is None and found is None:
        raise InputError("The language of the text could not be recognised; give --language.")
    if found is not None and found not in LANGUAGES:
        known = ", ".join(LANGUAGES.values())
        raise InputError(f"The text seems to be in {name_of(found)}, which the check does not read; it reads {known}.")
    if stated is not None and found is not None and found != stated:
        raise InputError(
            f"The text seems to be in {name_of(found)}, not in {name_of(stated)}; give --language {found}."
        )
    return stated or found


def findings_at(path: Path) -> Findings:
    """The findings in a file or in a result folder.

    Raises:
        InputError: there are none, or they cannot be read.
    """
    from .findings import FindingsError, load

    try:
        return load(path / "findings.json" if path.is_dir() else path)
    except FindingsError as error:
        raise InputError(str(error)) from error


def folder_of(path: Path) -> Path:
    """The result folder of a findings file, or that folder itself."""
    return path if path.is_dir() else path.parent


def _json(document: dict[str, Any]) -> str:
    """ASCII, so that it is right in whatever the output is encoded in: on Windows a pipe is not in UTF-8."""
    return json.dumps(document, indent=2)


def _text(source: str) -> str:
    """UTF-8 from wherever it comes, with the mark before it or without, as programs of Windows write it."""
    name = "standard input" if source == "-" else Path(source).name
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{name} cannot be read ({error.strerror}); give a text file or - for standard input."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not a text in UTF-8; save it as UTF-8.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
