"""Who writes a text, as it is chosen on a command line. Standard library only: batch in Slicer's Python offers it, too."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .servers import INTERFACES

_NAMES = ("narrator", "endpoint", "interface", "model", "allow_remote", "allow_pictures", "replay", "store", "prices")


def add_options(command: argparse.ArgumentParser, required: bool, what: str = "") -> None:
    """Who writes, and consent. There is no option for a key: it comes from the environment or the system's keyring."""
    group = command.add_argument_group("language model", what) if what else command
    group.add_argument(
        "--narrator",
        metavar="NAME",
        required=required,
        help="ollama, llama.cpp, vllm, xai, mistral, openai (any such server), replay or template",
    )
    group.add_argument("--endpoint", metavar="URL", help="address of the server, such as http://localhost:11434/v1")
    group.add_argument("--interface", choices=tuple(INTERFACES), help="chat/completions or responses")
    group.add_argument("--model", metavar="M", help="the model's name on that server")
    group.add_argument(
        "--allow-remote", metavar="HOST", action="append", help="consent to send the findings to this host"
    )
    group.add_argument(
        "--allow-pictures",
        metavar="HOST",
        action="append",
        help="consent to send pictures of the case to this host as well, for a model that reads them",
    )
    group.add_argument("--replay", metavar="FILE", type=Path, help="stored answers, with --narrator replay")
    group.add_argument(
        "--store", metavar="FILE", type=Path, help="keep the model's answers in this file, for --narrator replay"
    )
    group.add_argument("--prices", metavar="FILE", type=Path, help="your price table, to tell what an answer costs")


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of them, as language_models.choice_of takes it; empty where nobody was chosen to write."""
    given = {name: getattr(options, name) for name in _NAMES if getattr(options, name, None)}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}


def chosen_for_reports(options: argparse.Namespace) -> dict[str, Any] | None:
    """Who writes the report of a result besides the template; None where nobody does.

    Raises:
        InputError: an option of a language model stands without --narrator.
    """
    from XAIReportLib.case import InputError

    given = chosen(options)
    if given and "narrator" not in given:
        name = next(iter(given)).replace("_", "-")
        raise InputError(f"--{name} is for a language model; give --narrator as well, or leave it out.")
    return None if given.get("narrator", "template") == "template" else given
