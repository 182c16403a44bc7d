"""JSON pointers (RFC 6901) into findings.json: what a sentence rests on."""

from __future__ import annotations

from typing import Any


def resolve(document: Any, pointer: str) -> Any:
    """What a JSON pointer points at.

    Raises:
        KeyError: it points at nothing.
    """
    if pointer and not pointer.startswith("/"):
        raise KeyError(f"{pointer!r} is no JSON pointer")
    for step in steps_of(pointer):
        try:
            document = document[int(step)] if isinstance(document, list | tuple) else document[step]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise KeyError(f"{pointer!r} points at nothing") from error
    return document


def steps_of(pointer: str) -> list[str]:
    """The names and indices of a pointer, unescaped."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
