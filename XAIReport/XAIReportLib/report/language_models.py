"""A narrative by a language model: asked with the outgoing part of the findings, and checked sentence by sentence.

Supported sentences stand. A section with a contradicted sentence, or without a supported one, is the template's; unsupported
sentences are left out and kept apart. After two failures the whole narrative is the template's, and says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from XAIReportLib.case import InputError

from . import narrative
from .chat import Answer, ChatError, Server, ask
from .grounding import CheckedSentence, check_text, sentences
from .narrative import LeftOut, Narrative, Sentence, resolve
from .outbound import SCHEMA, SECTIONS, messages
from .schema import Findings

TRIES = 2
Asker = Callable[[Findings], Answer]


def asker(
    server: Server, piece: Callable[[str], None] | None = None, cancelled: Callable[[], bool] | None = None
) -> Asker:
    """Asks a server."""
    return lambda findings: ask(server, messages(findings), SCHEMA, piece, cancelled)


def replay(path: Path) -> Asker:
    """Gives the answers that ``store`` kept, in their order; each fits the findings that it was given for.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        kept = [(row["findings_sha256"], Answer(**row["answer"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} holds no stored answers ({type(error).__name__}); make it with --store."
        ) from error

    def answer(findings: Findings) -> Answer:
        for index, (sha256, stored) in enumerate(kept):
            if sha256 == findings.sha256():
                del kept[index]
                return stored
        raise ChatError(f"{path.name} holds no further answer for these findings.")

    return answer


def stored(path: Path, inner: Asker) -> Asker:
    """Asks ``inner`` and keeps each answer, one JSON line each, for ``replay``."""

    def answer(findings: Findings) -> Answer:
        given = inner(findings)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"findings_sha256": findings.sha256(), "answer": asdict(given)}) + "\n")
        return given

    return answer


@dataclass(frozen=True)
class _Checked:
    """What a model's answer held: sentences by section, with the outcome of the check."""

    kept: dict[str, list[Sentence]]
    left_out: tuple[LeftOut, ...]
    contradicted: frozenset[str]


def write(findings: Findings, name: str, asked: Asker) -> Narrative:
    """The narrative of ``findings`` by the model that ``asked`` asks; the template's where that fails."""
    template = narrative.told(findings)
    notes: list[str] = []
    left_out: tuple[LeftOut, ...] = ()
    for _ in range(TRIES):
        try:
            answer = asked(findings)
            read = _read(answer, findings)
        except ChatError as error:
            notes.append(str(error))
            continue
        left_out = (*left_out, *read.left_out)
        if any(read.kept.values()):
            return _joined(template, read, name, answer, notes, left_out)
        notes.append("No sentence of the answer is held by the findings.")
    notes.append("The text is the template's.")
    return template.model_copy(update={"notes": tuple(notes), "left_out": left_out})


def _joined(
    template: Narrative, read: _Checked, name: str, answer: Answer, notes: list[str], left_out: tuple[LeftOut, ...]
) -> Narrative:
    texts: list[Sentence] = []
    for section in narrative.SECTIONS:
        own = read.kept.get(section, []) if section not in read.contradicted else []
        texts += own or template.of_section(section)
    if answer.returned != answer.requested:
        notes = [*notes, f"Model {answer.requested} was asked for, {answer.returned} has answered."]
    return template.model_copy(
        update={
            "narrator": name,
            "model_requested": answer.requested,
            "model_returned": answer.returned,
            "sentences": tuple(texts),
            "notes": tuple(notes),
            "left_out": left_out,
        }
    )


def _read(answer: Answer, findings: Findings) -> _Checked:
    """The sentences of an answer, checked.

    Raises:
        ChatError: the answer is no JSON document of sentences.
    """
    document = findings.model_dump(mode="json")
    kept: dict[str, list[Sentence]] = {section: [] for section in SECTIONS}
    left_out: list[LeftOut] = []
    contradicted = set()
    for item in _items(answer):
        text, section = " ".join(item["text"].split()), item["section"]
        checked = check_text(text, findings)
        pointers = tuple(p for p in item.get("evidence", []) if _points(document, p))
        for found in checked:
            if found.verdict == "supported":
                kept[section].append(
                    Sentence(
                        text=found.text,
                        section=section,
                        evidence=pointers or ("/prediction/outcome",),
                        outcome="supported",
                    )
                )
            else:
                left_out.append(_left_out(found, section))
                contradicted |= {section} if found.verdict == "contradicted" else set()
    return _Checked(kept, tuple(left_out), frozenset(contradicted))


def _left_out(found: CheckedSentence, section: str) -> LeftOut:
    return LeftOut(text=found.text, section=section, outcome=found.verdict, why=found.reason)


def _items(answer: Answer) -> list[dict]:
    text = answer.text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        items = json.loads(text)["sentences"]
        usable = [i for i in items if isinstance(i["text"], str) and i["section"] in SECTIONS and sentences(i["text"])]
    except (ValueError, KeyError, TypeError) as error:
        raise ChatError("The answer is not the JSON document of sentences that was asked for.") from error
    if not usable:
        raise ChatError("The answer holds no sentence.")
    return usable


def _points(document: dict, pointer: object) -> bool:
    if not isinstance(pointer, str):
        return False
    try:
        resolve(document, pointer)
    except KeyError:
        return False
    return True
