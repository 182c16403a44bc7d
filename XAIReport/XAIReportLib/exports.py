"""``xaireport report``, ``dicom`` and ``fhir``: a finished result in another language, and for other programs."""

from __future__ import annotations

import argparse
import json
from importlib import metadata
from pathlib import Path

from XAIReportLib.case import InputError
from XAIReportLib.report.languages import LANGUAGES

HIGHDICOM = "0.28"  # earlier ones write other character sets and windows


def add_parser(commands: argparse._SubParsersAction) -> None:
    dicom = commands.add_parser("dicom", help="make DICOM objects of a finished result folder")
    dicom.add_argument("folder", metavar="RESULTFOLDER", type=Path, help="the folder of one analysed case")
    dicom.add_argument(
        "--series", metavar="FOLDER", type=Path, help="the DICOM series that was analysed; needed for a DICOM input"
    )
    dicom.add_argument("--output", metavar="DIR", type=Path, help="objects go to DIR/dicom; default: the result folder")
    dicom.set_defaults(run=make_dicom)
    fhir = commands.add_parser("fhir", help="make a FHIR R4 report of a finished result folder")
    fhir.add_argument("folder", metavar="RESULTFOLDER", type=Path, help="the folder of one analysed case")
    fhir.add_argument("--subject", metavar="Patient/ID", help="reference to the patient; default: no person is named")
    fhir.add_argument("--output", metavar="DIR", type=Path, help="fhir.json goes there; default: the result folder")
    fhir.set_defaults(run=make_fhir)
    report = commands.add_parser("report", help="write the report of a finished result folder in another language")
    report.add_argument("folder", metavar="RESULTFOLDER", type=Path, help="the folder of one analysed case")
    report.add_argument(
        "--language", choices=LANGUAGES, required=True, help="it goes to RESULTFOLDER/report-<language>"
    )
    report.set_defaults(run=make_report)
    for command in (dicom, fhir):
        command.add_argument(
            "--language", choices=LANGUAGES, help="of the sentences; default: that of the result's text"
        )
    for command in (dicom, fhir, report):
        command.add_argument("--debug", action="store_true", help="show where an error came from")


def make_report(options: argparse.Namespace) -> int:
    """``xaireport report``: the result itself stays as it is."""
    from XAIReportLib import revision
    from XAIReportLib.report.content import LABELS_IN

    folder = revision.write_in_language(options.folder.resolve(), options.language)
    print(f"Report: {folder}")
    kept = json.loads((folder / "run.json").read_text(encoding="utf-8")).get(LABELS_IN, {})
    for code in sorted(set(kept.values())):
        names = ", ".join(sorted(name for name, language in kept.items() if language == code))
        print(f"Pictures with labels in {LANGUAGES[code]}, as drawn with the analysis: {names}")
    return 0


def make_dicom(options: argparse.Namespace) -> int:
    """``xaireport dicom``: says where the objects are, and whom they name."""
    _need_highdicom()
    from XAIReportLib.report import dicom

    folder = dicom.write(options.folder.resolve(), options.series, options.output, options.language)
    if (folder / dicom.IMAGES).is_dir():
        print(
            "The input was no DICOM: its volume is in the folder image, with new identifiers and without a patient or "
            "a study."
        )
    else:
        print("The objects name the patient of the series; the rest of the result folder does not.")
    print(f"DICOM: {folder}")
    return 0


def _need_highdicom() -> None:
    """3D Slicer brings an older one, which its own DICOM modules need."""
    from packaging.version import Version

    try:
        installed = metadata.version("highdicom")
    except metadata.PackageNotFoundError:
        installed = ""
    if not installed or Version(installed) < Version(HIGHDICOM):
        found = f"{installed} is installed" if installed else "it is not installed"
        raise InputError(
            f"DICOM objects need highdicom {HIGHDICOM} or newer, and {found}; run this command where the package xaireport is "
            "installed with pip, outside of 3D Slicer."
        )


def make_fhir(options: argparse.Namespace) -> int:
    """``xaireport fhir``."""
    from XAIReportLib.report import fhir

    print(f"FHIR: {fhir.write(options.folder.resolve(), options.subject, options.output, options.language)}")
    return 0
