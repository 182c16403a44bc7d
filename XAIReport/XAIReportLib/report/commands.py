"""``xaireport check``: whether a text says only what the findings of a case hold."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from XAIReportLib.case import InputError

if TYPE_CHECKING:
    from .schema import Findings

OK, NOT_SUPPORTED = 0, 1


def add_parser(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="check a text, sentence by sentence, against the findings of a case")
    check.add_argument(
        "findings", metavar="FINDINGS", type=Path, help="findings.json, or the result folder that holds it"
    )
    check.add_argument("text", metavar="TEXTFILE", help="a text file in English, - for standard input")
    check.add_argument("--json", action="store_true", help="one JSON document with the claims of each sentence")
    check.add_argument("--debug", action="store_true", help="show where an error came from")
    check.set_defaults(run=check_file)


def check_file(options: argparse.Namespace) -> int:
    """Exit code 0 when every sentence is supported, 1 when one is not."""
    from .grounding import check_text

    checked = check_text(_text(options.text), findings_at(options.findings))
    if options.json:
        print(json.dumps({"sentences": [c.model_dump(mode="json") for c in checked]}, ensure_ascii=False, indent=2))
    else:
        for sentence in checked:
            print(f"{sentence.verdict:>12}  {sentence.text}")
            if sentence.verdict != "supported":
                print(f"{'':>12}  {sentence.reason}")
        supported = sum(sentence.verdict == "supported" for sentence in checked)
        print(f"{supported} of {len(checked)} sentences are supported by the findings.")
    return OK if checked and all(sentence.verdict == "supported" for sentence in checked) else NOT_SUPPORTED


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


def _text(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{Path(source).name} cannot be read ({error.strerror}); give a text file or - for standard input."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{Path(source).name} is not a text in UTF-8; save it as UTF-8.") from error
