"""What one analysis and many have in common on the command line."""

from __future__ import annotations

import argparse

from XAIReportLib.report import narrator_options
from XAIReportLib.report.languages import LANGUAGES
from XAIReportLib.results import ATLAS_NAMES, DEFAULT_ATLAS, DEFAULT_SALIENCY, DEFORMABLE_STEPS, SALIENCY_METHODS


def add_analysis_options(command: argparse.ArgumentParser) -> None:
    """Options of ``pipeline.analyze`` that ``xaireport analyze`` and ``xaireport batch`` both have."""
    command.add_argument("--bundle", metavar="NAME|PATH", default="brain_tumor_mri", help="model; default %(default)s")
    command.add_argument(
        "--saliency",
        metavar="METHODS",
        type=saliency_methods,
        default=DEFAULT_SALIENCY,
        help=f"comma-separated, of {', '.join(SALIENCY_METHODS)}; default {','.join(DEFAULT_SALIENCY)}",
    )
    command.add_argument(
        "--classes",
        metavar="CLASSES",
        type=class_names,
        default=(),
        help="comma-separated further classes that get heat maps, or all; default: only the class with the highest score",
    )
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default %(default)s")
    command.add_argument("--force", action="store_true", help="analyse what does not look like a head MRI, too")
    command.add_argument(
        "--contrast-agent",
        action="store_true",
        help="the series was acquired after contrast agent, whatever its header and grey values tell",
    )
    command.add_argument(
        "--atlas",
        choices=ATLAS_NAMES,
        default=DEFAULT_ATLAS,
        help="for the tables of regions, each under terms of its own; default %(default)s",
    )
    command.add_argument(
        "--deformable",
        choices=DEFORMABLE_STEPS,
        default=DEFORMABLE_STEPS[0],
        help="step of the registration after the affine transform; syn needs the antspyx package and takes longer; "
        "default %(default)s",
    )
    command.add_argument("--language", choices=LANGUAGES, default="en", help="of the report; default %(default)s")
    narrator_options.add_options(
        command,
        required=False,
        what="The report in a language model's words besides, in English, into the folder narrated of a finished result. "
        "Findings leave this machine only with --allow-remote HOST.",
    )


def saliency_methods(text: str) -> tuple[str, ...]:
    """Saliency methods of a comma-separated list, each once. Raises argparse.ArgumentTypeError."""
    methods = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [method for method in methods if method not in SALIENCY_METHODS]
    if unknown or not methods:
        what = f"unknown method {', '.join(unknown)}" if unknown else "no method given"
        raise argparse.ArgumentTypeError(f"{what}; give some of {', '.join(SALIENCY_METHODS)}")
    return methods


def class_names(text: str) -> tuple[str, ...]:
    """Class names of a comma-separated list, each once; the bundle says whether it knows them."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
